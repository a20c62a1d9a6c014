import { describe, expect, it } from "vitest";
import { levelIn, type LogChoice, logLine } from "../../src/cli/log-lines.ts";

const all: LogChoice = { account: null, fromMs: null, level: 0, isJson: false };
const entry = { level: 40, time: 1_700_000_000_000, account: "one", msg: "it rests" };
const line = JSON.stringify(entry);
const text = "2023-11-14T22:13:20.000Z  warn   one: it rests";

describe("a line of the log", () => {
  it("is shown with its time, level and account", () => {
    expect(logLine(line, all)).toBe(text);
  });

  it.each([
    ["another account's", { account: "two" }],
    ["one that is too old", { fromMs: 1_700_000_000_001 }],
    ["one that is less grave", { level: 50 }],
  ])("is not shown where it is %s", (_what, choice) => {
    expect(logLine(line, { ...all, ...choice })).toBeNull();
  });

  it("at the very bound is shown", () => {
    const choice = { account: "one", fromMs: 1_700_000_000_000, level: 40 };
    expect(logLine(line, { ...all, ...choice })).toBe(text);
  });

  it("shows the fields that a bot wrote beside it", () => {
    expect(logLine(JSON.stringify({ ...entry, fields: { town: "Nice" } }), all)).toBe(
      `${text} {"town":"Nice"}`,
    );
    expect(logLine(JSON.stringify({ ...entry, fields: {} }), all)).toBe(text);
  });

  it("stays as it was logged in JSON", () => {
    expect(logLine(line, { ...all, isJson: true })).toBe(line);
    expect(JSON.parse(logLine("a word", { ...all, isJson: true })!)).toEqual({ msg: "a word" });
  });

  it.each(["a word", "null", "[1", "7"])(
    "of a program that writes text is shown where nothing is chosen: %s",
    (other) => {
      expect(logLine(other, all)).toBe(other);
      expect(logLine(other, { ...all, level: 10 })).toBeNull();
      expect(logLine(other, { ...all, account: "one" })).toBeNull();
    },
  );
});

describe("a level", () => {
  it("is one of six names; without one, all lines are shown", () => {
    expect([levelIn(undefined), levelIn("warn")]).toEqual([0, 40]);
  });

  it.each(["WARN", "toString", "", "5"])("is refused as %j", (typed) => {
    expect(() => levelIn(typed)).toThrow("is no level");
  });
});
