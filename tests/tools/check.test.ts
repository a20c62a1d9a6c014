import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { checkTypes } from "../../tools/check.ts";
import { checkImports, importsIn } from "../../tools/check-imports.ts";
import { checkWords } from "../../tools/check-words.ts";
import { variablesTable, withPart } from "../../tools/write-manual.ts";

function project(files: Readonly<Record<string, string>>): { root: string; names: string[] } {
  const root = mkdtempSync(join(tmpdir(), "holdfast-check-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return { root, names: Object.keys(files) };
}

const tsconfig = JSON.stringify({
  compilerOptions: { strict: true, noEmit: true, types: [] },
  include: ["src"],
});

describe("the check of types", () => {
  it("fails on a known fault, so it reads the files", async () => {
    const { root } = project({
      "tsconfig.json": tsconfig,
      "src/a.ts": 'export const a: number = "";',
    });
    expect(await checkTypes(root, "/src/a.ts")).toEqual({
      ok: false,
      output: expect.stringContaining("src/a.ts(1,14): error TS2322"),
    });
  });

  it("passes sound files", async () => {
    const { root } = project({ "tsconfig.json": tsconfig, "src/a.ts": "export const a = 1;" });
    expect(await checkTypes(root, "/src/a.ts")).toEqual({ ok: true, output: "" });
  });

  it("fails when the compiler has not read what it must", async () => {
    const { root } = project({ "tsconfig.json": tsconfig, "src/a.ts": "export const a = 1;" });
    expect(await checkTypes(root, "/src/errors.ts")).toMatchObject({
      ok: false,
      output: expect.stringContaining("has not read"),
    });
  });
});

describe("the check of imports", () => {
  it.each([
    ["machines/a.ts", "node:fs"],
    ["machines/a.ts", "../src/errors.ts"],
    ["src/ports/a.ts", "../engine/b.ts"],
    ["src/engine/a.ts", "../adapters/nats/b.ts"],
    ["src/engine/a.ts", "pg"],
    ["src/adapters/nats/a.ts", "../postgres/b.ts"],
    ["src/adapters/nats/a.ts", "../../main/b.ts"],
    ["src/bots/a.ts", "../engine/b.ts"],
    ["src/telegram-dc/a.ts", "../errors.ts"],
    ["src/elsewhere/a.ts", "../errors.ts"],
  ])("refuses that %s imports %s, with file, line and remedy", (file, specifier) => {
    const { root, names } = project({ [file]: `\nimport { b } from "${specifier}";\n` });
    const [breach] = checkImports(root, names);
    expect(breach).toMatch(new RegExp(`^${file.replaceAll(".", "\\.")}:[12]: .*(;|add)`));
  });

  it.each([
    ["machines/a.ts", 'import { setup } from "xstate";'],
    ["src/ports/a.ts", 'import type { A } from "../../machines/token.ts";'],
    ["src/adapters/nats/a.ts", 'import type { Config } from "../../config/config.ts";'],
    ["src/adapters/nats/a.ts", 'import { connect } from "@nats-io/transport-node";'],
    ["src/main/a.ts", 'await import("../adapters/nats/b.ts");'],
  ])("lets %s say %s", (file, text) => {
    const { root, names } = project({ [file]: text });
    expect(checkImports(root, names)).toEqual([]);
  });

  it("sees every form of import", () => {
    const source = `import a from "one";\nimport type {\n  B,\n} from "two";\nexport { c } from "three";\nimport "four";\nconst d = await import("five");\n`;
    expect(importsIn(source)).toEqual([
      { specifier: "one", isType: false, line: 1 },
      { specifier: "two", isType: true, line: 4 },
      { specifier: "three", isType: false, line: 5 },
      { specifier: "four", isType: false, line: 6 },
      { specifier: "five", isType: false, line: 7 },
    ]);
  });

  it("fails when it has read nothing", () => {
    expect(checkImports("/", [])).toHaveLength(1);
  });
});

describe("the check of words", () => {
  it.each([
    ["a path of one machine", `const at = "${["", "home", "ann", "x"].join("/")}";`],
    ["a registry's address", ["https://registry", "npmjs", "org/x"].join(".")],
    ["an intention", ["TO", "DO"].join("") + " later"],
  ])("refuses %s", (_what, text) => {
    const { root, names } = project({ "src/a.ts": `${text}\n` });
    expect(checkWords(root, names)).toEqual([expect.stringMatching(/^src\/a\.ts:1: /)]);
  });

  it("refuses a source file of more than 350 lines", () => {
    const { root, names } = project({ "src/a.ts": "\n".repeat(351), "src/b.ts": "\n".repeat(350) });
    expect(checkWords(root, names)).toEqual([expect.stringMatching(/^src\/a\.ts:350: 351 lines/)]);
  });
});

describe("the manual", () => {
  it("holds the table of the variables that the program reads", () => {
    const page =
      "<!-- variables: written by tools/write-manual.ts -->\nstale rows\n<!-- end of variables -->\n";
    const part = { page: "docs/operating.md", name: "variables", write: variablesTable };
    expect(withPart(page, part)).toContain(variablesTable());
    expect(withPart(page, part)).not.toContain("stale rows");
    expect(variablesTable()).toMatch(
      /HOLDFAST_T_TAKE_MS.*7500 \(development\), 30000 \(production\)/,
    );
  });
});
