import { describe, expect, it } from "vitest";
import { checkCircles } from "../../tools/check-circles.ts";
import { circlesIn } from "../../tools/import-graph.ts";
import { treeOf } from "../../tools/source-tree.ts";

const circles = (texts: Readonly<Record<string, string>>) =>
  checkCircles(treeOf(texts)).map(({ name }) => name);

describe("the check of circles", () => {
  it.each([
    ["import", 'import { b } from "./b.ts";'],
    ["import of types", 'import type { B } from "./b.ts";'],
    ["export from", 'export { b } from "./b.ts";'],
    ["import in a type", 'let b: import("./b.ts").B;'],
  ])("finds a circle of files that an %s closes", (_how, text) => {
    expect(circles({ "src/x/a.ts": text, "src/x/b.ts": 'import "./a.ts";' })).toEqual([
      "src/x/a.ts → src/x/b.ts → src/x/a.ts",
    ]);
  });

  it("tells where the circle begins and what to do", () => {
    const [found] = checkCircles(treeOf({ "src/a.ts": 'import "./a.ts";' }));
    expect(found?.breach).toMatch(/^src\/a\.ts:1: a circle of files: .*; move /);
  });

  it("does not count an import that stands in a comment or leaves the tree", () => {
    const text = '// import "./b.ts";\nimport "./c.ts";\nimport "b";';
    expect(circles({ "src/a.ts": text, "src/b.ts": 'import "./a.ts";' })).toEqual([]);
  });

  it("finds folders side by side that import each other, though no file does", () => {
    expect(
      circles({
        "src/x/a.ts": 'import "../y/a.ts";',
        "src/y/a.ts": "",
        "src/y/b.ts": 'import "../x/b.ts";',
        "src/x/b.ts": "",
      }),
    ).toEqual(["src/x → src/y → src/x"]);
  });

  it("finds them inside a wing too", () => {
    expect(
      circles({
        "src/x/m/a.ts": 'import "../n/a.ts";',
        "src/x/n/a.ts": "",
        "src/x/n/b.ts": 'import "../m/b.ts";',
        "src/x/m/b.ts": "",
      }),
    ).toEqual(["src/x/m → src/x/n → src/x/m"]);
  });

  it("lets a folder use a file beside it that uses another file of the folder", () => {
    expect(
      circles({
        "src/x/a.ts": 'import "./m/a.ts";',
        "src/x/m/a.ts": "",
        "src/x/m/b.ts": 'import "../a.ts";',
      }),
    ).toEqual([]);
  });

  it("gives the shortest circle of each knot", () => {
    const graph = new Map(
      Object.entries({ a: ["b"], b: ["c", "a"], c: ["a"], d: ["d"], e: ["a"] }).map(
        ([node, to]) => [node, new Set(to)] as const,
      ),
    );
    expect(circlesIn(graph)).toEqual([
      ["a", "b", "a"],
      ["d", "d"],
    ]);
  });
});
