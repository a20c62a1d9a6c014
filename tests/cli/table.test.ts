import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cut, table } from "../../src/cli/table.ts";

describe("a table", () => {
  it("puts the cells of a column below each other, without blanks at the ends of lines", () => {
    expect(
      table(
        [
          ["NAME", "STATE", "NOTE"],
          ["site-bot", "active", ""],
          ["a", "quarantined", "dead"],
        ],
        null,
      ),
    ).toBe("NAME      STATE        NOTE\nsite-bot  active\na         quarantined  dead");
  });

  it("cuts its last column to the screen, and says so with a sign", () => {
    const rows = [
      ["A", "NOTE"],
      ["b", "0123456789"],
    ];
    expect(table(rows, 13)).toBe("A  NOTE\nb  0123456789");
    expect(table(rows, 12)).toBe("A  NOTE\nb  01234567…");
  });

  it("cuts the whole line where the screen is narrower than the columns before the last", () => {
    expect(table([["first", "second", "third"]], 8)).toBe("first…");
  });

  it("keeps a row on its line, and shows what a terminal would obey", () => {
    expect(table([["a\nb\tc", "\u001b[2Jd"]], null)).toBe(String.raw`a b c  \u001b[2Jd`);
  });

  it("counts signs as a terminal shows them", () => {
    const rows = [
      ["日本", "x"],
      ["abcd", "y"],
      ["e\u0301e", "z"],
    ];
    expect(table(rows, null)).toBe("日本  x\nabcd  y\ne\u0301e    z");
    expect(cut("日本語", 5)).toBe("日本…");
    expect(cut("日本語", 6)).toBe("日本語");
    expect(cut("日本語", 4)).toBe("日…");
  });

  it("is empty without rows", () => {
    expect(table([], 80)).toBe("");
  });

  it("never has a line that is wider than the screen", () => {
    const cell = fc.string({ unit: "grapheme-ascii", maxLength: 30 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { maxLength: 5 }),
        fc.integer({ min: 1, max: 60 }),
        (rows, columns) => {
          for (const line of table(rows, columns).split("\n")) {
            expect(line.length).toBeLessThanOrEqual(columns);
          }
        },
      ),
    );
  });
});
