import { describe, expect, it } from "vitest";
import { checkFloats, floatsIn } from "../../tools/check-floats.ts";
import { checkLengths, houseOf } from "../../tools/check-lengths.ts";
import { checkWidths } from "../../tools/check-widths.ts";
import { functionsIn } from "../../tools/function-lengths.ts";
import { beyond } from "../../tools/pending.ts";
import { treeOf } from "../../tools/source-tree.ts";

describe("what is known", () => {
  const found = [
    { name: "a", breach: "a again" },
    { name: "a", breach: "a once more" },
    { name: "b", breach: "b" },
  ];

  it("is not a breach as often as it is known, and one more is", () => {
    expect(beyond(found, ["a", "a", "b"])).toEqual([]);
    expect(beyond(found, ["a", "b"])).toEqual(["a once more"]);
  });

  it("is a breach when it is mended and still listed", () => {
    expect(beyond(found, ["a", "a", "b", "c"])).toEqual([
      "tools/pending.ts:1: c is mended; strike it out",
    ]);
  });
});

describe("the check of lengths", () => {
  const body = (lines: number) => "  f();\n".repeat(lines - 2);
  const known = { product: [], proof: [], "telegram-dc": [], tools: [] };

  it.each([
    ["a function", `export async function long(\n  a: A,\n): Promise<B> {\n${body(119)}}\n`],
    ["parts taken apart", `function long({\n  a,\n}: A): B {\n${body(119)}}\n`],
    ["an arrow", `const long = async (a: A): B => {\n${body(121)}};\n`],
  ])("finds %s of more than 120 lines", (_what, text) => {
    const tree = treeOf({ "src/x/a.ts": `\n${text}export const b = 1;\n` });
    expect(functionsIn(tree)).toEqual([{ file: "src/x/a.ts", name: "long", line: 2, lines: 121 }]);
    expect(checkLengths(tree, known)).toEqual([
      expect.stringMatching(/^src\/x\/a\.ts:2: long has 121 lines; /),
    ]);
    expect(checkLengths(tree, { ...known, product: ["long"] })).toEqual([]);
  });

  it("lets 120 lines stand, and a list may not name what is not long", () => {
    const tree = treeOf({ "src/x/a.ts": `function long() {\n${body(120)}}\n` });
    expect(checkLengths(tree, known)).toEqual([]);
    expect(checkLengths(tree, { ...known, product: ["long"] })).toEqual([
      "tools/ratchets.ts:1: product: long is mended; strike it out",
    ]);
  });

  it("keeps a list for each house", () => {
    const tree = treeOf({ "src/proof/a.ts": `function long() {\n${body(121)}}\n` });
    expect(checkLengths(tree, { ...known, product: ["long"] })).toHaveLength(2);
    expect(
      [
        "src/x/a.ts",
        "src/telegram-dc/a.ts",
        "src/proof/chaos/a.ts",
        "machines/a.ts",
        "tools/a.ts",
      ].map(houseOf),
    ).toEqual(["product", "telegram-dc", "proof", "product", "tools"]);
  });
});

describe("the check of widths", () => {
  const wide = `a ${"word ".repeat(25)}`;

  it.each([
    ["a line of its own", `// ${wide}`],
    ["behind code", `f(); // ${wide}`],
    ["a line of a longer one", `/**\n * ${wide}\n */`],
  ])("finds a wide comment that is %s", (_where, text) => {
    expect(checkWidths(treeOf({ "src/x/a.ts": text }))).toHaveLength(1);
  });

  it("lets wide code and an address stand", () => {
    const texts = {
      "src/x/a.ts": `const a = "${wide}";`,
      "src/x/b.ts": `// https://${"a".repeat(130)}`,
    };
    expect(checkWidths(treeOf(texts))).toEqual([]);
  });
});

describe("the check of floats", () => {
  const floats = (text: string, more: Readonly<Record<string, string>> = {}) =>
    floatsIn(treeOf({ "src/x/a.ts": text, ...more })).map(({ name }) => name);

  it.each([
    ["a function", "async function f() {}\nvoid f();"],
    ["an arrow", "const f = async () => {};\non(() => void f());"],
    ["a function that answers with a promise", "function f(a: A): Promise<void> {}\nvoid f(a);"],
    ["something chained to one", "const f: Promise<void> = g();\nvoid f.then(h);"],
  ])("finds %s that floats and is not declared to never reject", (_what, text) => {
    expect(floats(text)).toEqual(["f"]);
  });

  it("lets float what is declared so, in a comment over lines too", () => {
    expect(floats("/** Does it. Never rejects. */\nasync function f() {}\nvoid f();")).toEqual([]);
    expect(
      floats("/**\n * It never\n * rejects.\n */\nconst f = async () => {};\nvoid f();"),
    ).toEqual([]);
  });

  it("does not take the comment of another declaration for it", () => {
    const text = "/** Never rejects. */\nasync function g() {}\nasync function f() {}\nvoid f();";
    expect(floats(text)).toEqual(["f"]);
  });

  it("looks for a method's declaration in the other files", () => {
    const port = (comment: string) => ({
      "src/ports/store.ts": `export interface Store {\n  ${comment}\n  stop(): Promise<void>;\n}`,
    });
    expect(floats("void store.stop();", port("/** Ends it. */"))).toEqual(["stop"]);
    expect(floats("void store.stop();", port("/** Never rejects. */"))).toEqual([]);
  });

  it("lets plain calls and caught promises stand", () => {
    const text =
      "function f() {}\nvoid f();\nvoid list.push(1);\nvoid g().catch(h);\nvoid a.b.catch(h);";
    expect(floats(text)).toEqual([]);
  });

  it("compares with the counts of before, which may only fall", () => {
    const tree = treeOf({ "src/x/a.ts": "async function f() {}\nvoid f();" });
    expect(checkFloats(tree, { f: 1 })).toEqual([]);
    expect(checkFloats(tree, {})).toEqual([expect.stringMatching(/^src\/x\/a\.ts:2: void f\(\)/)]);
    expect(checkFloats(tree, { f: 2 })).toEqual([
      "tools/ratchets.ts:1: f is mended; strike it out",
    ]);
  });
});
