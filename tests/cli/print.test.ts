import * as fc from "fast-check";
import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { createScreen } from "../../src/cli/print.ts";

/** A screen of its own, and what came to its first output. */
function open({ isTTY = false } = {}) {
  const stdout = Object.assign(new PassThrough({ encoding: "utf8" }), { isTTY });
  const screen = createScreen({ stdout, stderr: new PassThrough() });
  return { screen, stdout, seen: () => String(stdout.read() ?? "") };
}

/** What comes to the screen, without the line's end. */
function shown(text: string): string {
  const { screen, seen } = open();
  screen.print(text);
  return seen().slice(0, -1);
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
      expect(JSON.parse(shown(JSON.stringify(text)))).toBe(text.toWellFormed());
    }),
  );
});

it("clears the screen of a terminal, and writes nothing of the kind to a pipe", () => {
  for (const [isTTY, written] of [
    [false, ""],
    [true, "\u001b[H\u001b[2J\u001b[3J"],
  ] as const) {
    const { screen, seen } = open({ isTTY });
    screen.clear();
    expect(seen()).toBe(written);
  }
});

it("keeps what is printed until it is taken, and prints again from then on", () => {
  const { screen, seen } = open();
  screen.collect();
  screen.print("kept");
  expect([screen.isCollecting, seen(), screen.take()]).toEqual([true, "", ["kept"]]);
  screen.print("printed");
  expect([screen.isCollecting, seen(), screen.take()]).toEqual([false, "printed\n", []]);
});

it("takes a reader that has gone for an end, and no other fault of the output", () => {
  const { screen, stdout, seen } = open();
  const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
  expect(() => stdout.emit("error", full)).toThrow("no space");
  expect(screen.gone.aborted).toBe(false);
  stdout.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  expect(screen.gone.aborted).toBe(true);
  screen.print("unseen");
  expect(seen()).toBe("");
});
