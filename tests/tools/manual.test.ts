import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { errorCodes } from "../../tools/error-codes.ts";
import { commandTables } from "../../tools/manual-commands.ts";
import { figures } from "../../tools/manual-metrics.ts";
import { variablesTable, withPart } from "../../tools/write-manual.ts";

function codesOf(files: Readonly<Record<string, string>>) {
  const root = mkdtempSync(join(tmpdir(), "holdfast-codes-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return errorCodes(root, Object.keys(files));
}

describe("a part of a page that a program writes", () => {
  const part = { page: "page.md", name: "rows", write: () => "fresh rows" };
  const page =
    "Above.\n<!-- rows: written by tools/write-manual.ts -->\nstale rows\n<!-- end of rows -->\nBelow.\n";

  it("is renewed between its marks, and nothing else is", () => {
    expect(withPart(page, part)).toBe(page.replace("stale", "fresh"));
  });

  it("is refused on a page that has lost its marks", () => {
    expect(() => withPart("Above.\n", part)).toThrow('page.md lacks "<!-- rows');
  });
});

describe("the tables of the manual", () => {
  it("list the variables that the program reads", () => {
    expect(variablesTable()).toMatch(
      /HOLDFAST_T_TAKE_MS.*7500 \(development\), 30000 \(production\)/,
    );
  });

  it("list every command with its arguments, and those of a group one by one", async () => {
    const table = commandTables();
    const { commands } = await createProgram(() => undefined);
    const names = commands.map((command) => command.name()).filter((name) => name !== "complete");
    for (const name of names) expect(table).toContain(`npx holdfast ${name}`);
    expect(table).toContain(
      "| `npx holdfast renew [account]` | move an account, or all of them, to a fresh key",
    );
    expect(table).toContain("| `npx holdfast conversation replay [id]` |");
    expect(table).not.toContain("| `npx holdfast conversation` |");
  });

  it("list every metric that the source of the metrics names", () => {
    const folder = new URL("../../src/adapters/metrics/", import.meta.url);
    const sources = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), "utf8"));
    const named = sources.flatMap((text) => text.match(/(?<=name: ")holdfast_\w+/g) ?? []);
    expect(named.length).toBeGreaterThan(10);
    expect(figures().map(({ name }) => name)).toEqual(named.toSorted());
  });

  it("tell type and labels of a metric", () => {
    expect(figures().find(({ name }) => name === "holdfast_replies_total")).toEqual({
      name: "holdfast_replies_total",
      type: "counter",
      labels: ["outcome"],
      help: "Replies by what became of them",
    });
  });
});

describe("the codes of errors", () => {
  it("come with what the source says of them, … for each part that is filled in", () => {
    const text =
      'throw new HoldfastError({ code: "GONE", message: `${name} is gone.`, next: "Look." });';
    expect(codesOf({ "src/a.ts": text, "src/b.ts": text })).toEqual([
      {
        kind: "error",
        code: "GONE",
        messages: ["… is gone."],
        nexts: ["Look."],
        files: ["src/a.ts", "src/b.ts"],
      },
    ]);
  });

  it.each([
    ["chosen", 'new HoldfastError({ code: a ? "ONE" : "TWO", message: "m" })', ["ONE", "TWO"]],
    ["put together", "new HoldfastError({ code: `HTTP_${status}`, message })", ["HTTP_…"]],
    ["a default", 'new HoldfastError({ code: given ?? "REFUSED", message })', ["REFUSED"]],
    ["named", 'const gone = "IT_IS_GONE"; f({ code: gone, message: "m" })', ["IT_IS_GONE"]],
    ["an argument", 'throw refused("NOT_A_BOT", "only bots have a token")', ["NOT_A_BOT"]],
    ["passed through", "new HoldfastError({ code: error.code, message })", []],
    ["no code", 'f({ code: "abc" }); is("NOT_A_BOT")', []],
  ])("are found where they are %s", (_how, text, codes) => {
    expect(codesOf({ "src/a.ts": text }).map(({ code }) => code)).toEqual(codes);
  });

  it.each([
    ["error", 'new HoldfastError({ code: "A_CODE", message })'],
    ["fault", 'new TelegramError({ code: "A_CODE", kind: "refused", message })'],
    ["note", 'events.report({ type: "note", account, code: "A_CODE", message })'],
    ["note", 'note("A_CODE", "it goes on")'],
    ["reason", 'const reason = { code: "A_CODE", message: "it was left" }'],
  ])("are told apart: %s", (kind, text) => {
    expect(codesOf({ "src/a.ts": text })).toMatchObject([{ kind, code: "A_CODE" }]);
  });

  it("leave out the simulated data centre, which has its own", () => {
    const text = 'new HoldfastError({ code: "GONE", message })';
    expect(codesOf({ "src/telegram-dc/a.ts": text, "src/proof/simulation/b.ts": text })).toEqual(
      [],
    );
  });
});
