import * as fc from "fast-check";
import { expect, it, vi } from "vitest";
import { clearScreen, print } from "../../src/cli/print.ts";

/** What comes to the screen, without the line's end. */
function shown(text: string): string {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    print(text);
    return String(write.mock.calls.at(-1)?.[0]).slice(0, -1);
  } finally {
    write.mockRestore();
  }
}

it("shows what a terminal would obey as its escape", () => {
  expect(shown("hi \u001b]0;owned\u0007\u001b[2K\r\u009b1A \u202eabc\u2066")).toBe(
    String.raw`hi \u001b]0;owned\u0007\u001b[2K\u000d\u009b1A \u202eabc\u2066`,
  );
});

it("keeps text, tabs and lines as they are", () => {
  const text = "añb\t→ 日本\n👩‍🚀 next line";
  expect(shown(text)).toBe(text);
});

it("leaves no control character of any text, and JSON its meaning", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(shown(text)).not.toMatch(/[^\P{Cc}\t\n]|[\u202a-\u202e\u2066-\u2069]/u);
      expect(JSON.parse(shown(JSON.stringify(text)))).toBe(text);
    }),
  );
});

it("clears the screen of a terminal, and writes nothing of the kind to a pipe", () => {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const { isTTY } = process.stdout;
  try {
    process.stdout.isTTY = false;
    clearScreen();
    expect(write).not.toHaveBeenCalled();
    process.stdout.isTTY = true;
    clearScreen();
    expect(write).toHaveBeenCalledWith("\u001b[H\u001b[2J\u001b[3J");
  } finally {
    process.stdout.isTTY = isTTY;
    write.mockRestore();
  }
});
