import { describe, expect, it } from "vitest";
import { createMachine } from "xstate";
import { checkExports } from "../../tools/check-exports.ts";
import { checkPorts } from "../../tools/check-ports.ts";
import { checkStatements } from "../../tools/check-statements.ts";
import { checkStates, eventsIn } from "../../tools/check-states.ts";
import { treeOf } from "../../tools/source-tree.ts";

const names = (found: readonly { readonly name: string }[]) => found.map(({ name }) => name);

describe("the check of exports", () => {
  const spec = { "tests/a.test.ts": 'import { a } from "../src/x/a.ts";' };

  it("finds what only a test imports, with its line", () => {
    const [found] = checkExports(treeOf({ "src/x/a.ts": "\nexport const a = 1;", ...spec }));
    expect(found?.breach).toBe("src/x/a.ts:2: only tests import a; delete it");
  });

  it.each([
    ["a program", { "src/main/b.ts": 'import { a } from "../x/a.ts";' }],
    ["a program, under another name", { "src/main/b.ts": 'import { a as b } from "../x/a.ts";' }],
    ["a tool", { "tools/b.ts": 'import * as a from "../src/x/a.ts";' }],
    ["a program when it needs it", { "src/main/b.ts": 'await import("../x/a.ts");' }],
    ["a file that passes it on", { "src/bot.ts": 'export { a } from "./x/a.ts";' }],
  ])("lets stand what %s imports", (_who, user: Readonly<Record<string, string>>) => {
    expect(
      checkExports(treeOf({ "src/x/a.ts": "export function a() {}", ...spec, ...user })),
    ).toEqual([]);
  });

  it("is not content with an import of a namesake", () => {
    const tree = treeOf({
      "src/x/a.ts": "export const a = 1;",
      "src/y/a.ts": "export const a = 1;",
      "src/main/b.ts": 'import { a } from "../y/a.ts";',
      ...spec,
    });
    expect(names(checkExports(tree))).toEqual(["a"]);
  });

  it("lets a type stand that its own file uses, and a value only with a reason", () => {
    const tree = treeOf({
      "src/x/a.ts": "export interface A {}\nexport const a: A = {};\nexport const b = a;",
      "src/main/b.ts": 'import { b } from "../x/a.ts";',
    });
    expect(names(checkExports(tree, {}))).toEqual(["a"]);
    expect(checkExports(tree, { a: "a reason" })).toEqual([]);
  });
});

describe("the check of ports", () => {
  const port =
    "export interface Store {\n  read(of: { readonly id: string }): void;\n  readonly size: number;\n}";
  const adapter = "export const store = { read(of) { this.read(of); }, size: 1 };\n";
  const tree = (texts: Readonly<Record<string, string>>) =>
    treeOf({ "src/ports/store.ts": port, "src/adapters/x/store.ts": adapter, ...texts });

  it("finds methods and readings that no program asks for", () => {
    const tests = { "tests/a.test.ts": "store.read(); store.size;" };
    expect(checkPorts(tree(tests)).map(({ breach }) => breach)).toEqual([
      expect.stringMatching(/^src\/ports\/store\.ts:2: no program calls Store\.read; /),
      expect.stringMatching(/^src\/ports\/store\.ts:3: no program calls Store\.size; /),
    ]);
  });

  it.each([
    ["calls", "store.read({ id }); store.size;"],
    ["passes on", "each(store.read, store.size);"],
    ["takes apart", "const { read, size } = store;"],
    ["takes apart as it is handed over", "function f({ read, size }: Store) {}"],
  ])("lets stand what a program %s", (_how, text) => {
    expect(checkPorts(tree({ "src/accounts/a.ts": text }))).toEqual([]);
  });

  it("counts neither the simulation nor an adapter that gives the method", () => {
    const text = "const a = { read() {}, size: 1 }; store.read(); store.size;";
    expect(checkPorts(tree({ "src/proof/simulation/a.ts": text }))).toHaveLength(2);
    expect(checkPorts(tree({ "src/adapters/y/a.ts": text }))).toHaveLength(2);
    expect(checkPorts(tree({ "src/adapters/y/a.ts": "store.read(); store.size;" }))).toEqual([]);
  });

  it("leaves records and what bot authors call alone", () => {
    const record = "export interface Row {\n  readonly id: string;\n}";
    const bot = { "src/ports/conversation/bot.ts": "export interface Turn {\n  say(): void;\n}" };
    const passedOn = { "src/bot.ts": 'export type { Turn } from "./ports/conversation/bot.ts";' };
    expect(checkPorts(treeOf({ "src/ports/row.ts": record, ...bot, ...passedOn }))).toEqual([]);
    expect(names(checkPorts(treeOf(bot)))).toEqual(["Turn.say"]);
  });
});

describe("the check of statements", () => {
  const store = `
const find = \`
  select id from rows where id = $1\`;
const count = "select count(*) from rows";
const changes = {
  opened: "set state = 'open' where id = $1",
  closed:
    "set state = 'closed' where id = $1",
};
export function createStore(database) {
  return {
    async find(id) {
      return database.query(find, [id]);
    },
    count: () => database.query(count),
    async clear() {
      await database.query("delete from rows where id = $1");
    },
    apply: (event) => database.query(changes[event.type]),
  };
}
`;
  const path = "src/adapters/postgres/store.ts";
  const user = { "src/main/a.ts": 'import { createStore } from "../adapters/postgres/store.ts";' };

  it("finds nothing where everything is sent", () => {
    expect(
      checkStatements(treeOf({ [path]: store, ...user }), { methods: [], events: [] }),
    ).toEqual([]);
  });

  it("finds the statements of a method that no program calls, and what only it names", () => {
    const tree = treeOf({ [path]: store, ...user });
    expect(names(checkStatements(tree, { methods: ["clear"], events: [] }))).toEqual([
      "statement clear",
    ]);
    expect(
      checkStatements(tree, { methods: ["count"], events: [] }).map(({ breach }) => breach),
    ).toEqual([`${path}:4: no program sends the statement count; delete it`]);
  });

  it("finds the entry of a table under an event that no program sends", () => {
    const tree = treeOf({ [path]: store, ...user });
    expect(names(checkStatements(tree, { methods: [], events: ["closed"] }))).toEqual([
      "statement closed",
    ]);
  });

  it("finds every named statement of a store that only tests make", () => {
    const tests = {
      "tests/a.test.ts": 'import { createStore } from "../src/adapters/postgres/store.ts";',
    };
    const tree = treeOf({ [path]: store, ...tests });
    expect(names(checkStatements(tree, { methods: [], events: [] }))).toContain("statement find");
  });
});

describe("the check of states", () => {
  const machine = createMachine({
    id: "door",
    initial: "shut",
    states: {
      shut: { on: { open: "wide" } },
      wide: { initial: "still", states: { still: { on: { push: "swinging" } }, swinging: {} } },
      lost: { on: { open: "wide" } },
    },
  });
  const machines = [{ file: "machines/door.ts", machine }];
  const check = (text: string) =>
    checkStates(
      treeOf({
        "machines/door.ts": "export const doorMachine = 1;",
        "src/x/a.ts": `import { doorMachine } from "../../machines/door.ts";\n${text}`,
      }),
      machines,
    );

  it("finds the event that no program sends, and every state that cannot be come to", () => {
    const found = check('send({ type: "open" });');
    expect(names(found)).toEqual([
      "door: event push",
      "door: state wide.swinging",
      "door: state lost",
    ]);
    expect(eventsIn(found)).toEqual(["push"]);
  });

  it.each([
    ["handles it", 'switch (e) { case "push": }'],
    ["has it for a key", 'const a = { "push": 1 };'],
    ["speaks of it", '// "push"'],
  ])("does not take it for sent where a program %s", (_how, text) => {
    expect(names(check(`rules.open();\n${text}`))).toContain("door: event push");
  });

  it("takes an event for sent where a program asks the rules for it by name", () => {
    expect(names(check("rules.open(); rules.push;"))).toEqual(["door: state lost"]);
  });

  it("finds a machine of which the product takes types only", () => {
    const tree = treeOf({
      "machines/door.ts": "export const doorMachine = 1;\nexport type Door = 1;",
      "src/x/a.ts": 'import { type Door } from "../../machines/door.ts";',
      "src/proof/simulation/a.ts": 'import { doorMachine } from "../../../machines/door.ts";',
    });
    expect(names(checkStates(tree, machines))).toContain("door");
  });
});
