import { globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { packageFile } from "../../src/files.ts";

/**
 * The text between the brace at `from` and the one that closes it. Texts with single braces would mislead it; none
 * has one.
 */
function braced(text: string, from: number): string {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === "{") depth += 1;
    if (text[at] === "}") depth -= 1;
    if (depth === 0) return text.slice(from, at + 1);
  }
  throw new Error("the brace is not closed");
}

/** Where refusals are made that a caller of a verb, or a person at a terminal, can meet. */
const files = globSync("{src,machines}/**/*.ts", { cwd: packageFile(".") }).filter(
  (file) => !file.startsWith("src/proof/"),
);

const refusals = files.flatMap((file) => {
  const text = readFileSync(packageFile(file), "utf8");
  return [...text.matchAll(/new HoldfastError\(\{/g)].map(({ index }) => ({
    at: `${file}:${text.slice(0, index).split("\n").length}`,
    fields: braced(text, text.indexOf("{", index)),
  }));
});

describe("a refusal", () => {
  it("says the next command or act, wherever it is made", () => {
    expect(refusals.length).toBeGreaterThan(150);
    const without = refusals.filter(({ fields }) => !/\bnext\b/.test(fields));
    expect(without.map(({ at }) => at)).toEqual([]);
  });

  it("has a code", () => {
    expect(refusals.filter(({ fields }) => !/\bcode\b/.test(fields))).toEqual([]);
  });
});
