import * as fc from "fast-check";
import { expect, it } from "vitest";
import { withoutControls } from "../../src/cli/print.ts";

it("shows what a terminal would obey as its escape", () => {
  expect(withoutControls("hi \u001b]0;owned\u0007\u001b[2K\r\u009b1A \u202eabc\u2066")).toBe(
    String.raw`hi \u001b]0;owned\u0007\u001b[2K\u000d\u009b1A \u202eabc\u2066`,
  );
});

it("keeps text, tabs and lines as they are", () => {
  const text = "añb\t→ 日本\n👩‍🚀 next line";
  expect(withoutControls(text)).toBe(text);
});

it("leaves no control character of any text, and JSON its meaning", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const shown = withoutControls(text);
      expect(shown).not.toMatch(/[^\P{Cc}\t\n]|[\u202a-\u202e\u2066-\u2069]/u);
      expect(JSON.parse(withoutControls(JSON.stringify(text)))).toBe(text);
    }),
  );
});
