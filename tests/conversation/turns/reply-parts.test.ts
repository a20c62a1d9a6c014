import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renderText } from "../../../src/conversation/turns/menu.ts";
import { partsOf } from "../../../src/conversation/turns/reply-parts.ts";

const menu = [
  { label: "Yes", action: "yes" },
  { label: "No", action: "no" },
];
const words = (count: number) => Array.from({ length: count }, (_, n) => `word${n}`).join(" ");
const withoutSpace = (text: string) => text.replaceAll(/\s/g, "");

describe("a reply in parts", () => {
  it("is one message where it fits, to the last unit and untouched", () => {
    const body = ` ${"x".repeat(4094)}\n`;
    expect(partsOf(body, null, "buttons")).toEqual([body]);
  });

  it("is parted between paragraphs rather than lines, lines rather than sentences, sentences rather than words", () => {
    const [a, b] = ["a".repeat(3000), "b".repeat(3000)];
    expect(partsOf(`${a}\n\n${b}\nc. d`, null, "buttons")).toEqual([a, `${b}\nc. d`]);
    expect(partsOf(`${a}\nx. y ${b}`, null, "buttons")).toEqual([a, `x. y ${b}`]);
    expect(partsOf(`${a} x. y ${b}`, null, "buttons")).toEqual([`${a} x.`, `y ${b}`]);
    expect(partsOf(`${a} x y ${b}`, null, "buttons")).toEqual([`${a} x y`, b]);
  });

  it("is not parted at a place that makes a short part where a later, plainer one is there", () => {
    const parts = partsOf(`Hello\n\n${words(1500)}`, null, "buttons")!;
    expect(parts[0]!.length).toBeGreaterThan(4000);
  });

  it("is parted within a word only where nothing else is, and never within a character that people see as one", () => {
    const family = "👨‍👩‍👧‍👦";
    const parts = partsOf(family.repeat(800), null, "buttons")!;
    expect(parts.join("")).toBe(family.repeat(800));
    expect(parts.map((part) => part.length % family.length)).toEqual(parts.map(() => 0));
    expect(partsOf(`x${"𝒳".repeat(3000)}`, null, "buttons")!.every(isWhole)).toBe(true);
  });

  it("leaves room for the lines of its menu in the last part", () => {
    for (const length of [4080, 4090, 4096, 4097, 8190]) {
      const parts = partsOf(words(2000).slice(0, length), menu, "numbered")!;
      expect(renderText(parts.at(-1)!, menu, "numbered").length).toBeLessThanOrEqual(4096);
    }
  });

  it("has no way where the menu's lines alone fill a message", () => {
    const long = [{ label: "x".repeat(4096), action: "a" }];
    expect(partsOf("x", long, "numbered")).toBeNull();
    expect(partsOf("x", long, "buttons")).toEqual(["x"]);
  });

  it("says all that it said, in parts that fit and say something", () => {
    const piece = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 200 }),
      fc.constantFrom("\n\n", "\n", " ", ". ", " ".repeat(5000), "x".repeat(4100)),
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 60 }), (pieces) => {
        const body = pieces.join("");
        fc.pre(body.trim() !== "");
        const parts = partsOf(body, menu, "numbered")!;
        expect(withoutSpace(parts.join(""))).toBe(withoutSpace(body));
        for (const part of parts) {
          expect(part.length).toBeLessThanOrEqual(4096);
          expect(part.trim()).not.toBe("");
        }
        expect(renderText(parts.at(-1)!, menu, "numbered").length).toBeLessThanOrEqual(4096);
      }),
      { numRuns: 100 },
    );
  });
});

/** No surrogate stands alone. */
const isWhole = (text: string) => text.isWellFormed();
