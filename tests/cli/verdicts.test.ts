import { describe, expect, it } from "vitest";
import {
  ageText,
  exitCodeOfWorst,
  type FigureLine,
  figureLines,
  type FleetFigures,
  worstOf,
} from "../../src/cli/verdicts.ts";
import type { NodeFigures } from "../../src/ports/node-figures.ts";
import { countMax, type StoredHealth } from "../../src/ports/fleet-health.ts";
import { quiet } from "../fixtures/fleet-figures.ts";

const lineOf = (figures: FleetFigures, name: string): FigureLine =>
  figureLines(figures).find((one) => one.name === name)!;

const counted = (change: Partial<NodeFigures>): FleetFigures => ({
  ...quiet,
  counted: { ...quiet.counted, ...change },
});

const stored = (change: Partial<StoredHealth>): FleetFigures => ({
  ...quiet,
  stored: { ...quiet.stored, ...change },
});

const verdictOf = (figures: FleetFigures, name: string) => lineOf(figures, name).verdict;

describe("the ratio of turns that found their session", () => {
  const ratio = (sessionsReused: number, sessionsCreated: number) =>
    lineOf(counted({ sessionsReused, sessionsCreated }), "session-reuse-percent");

  it.each([
    [95, 5, "ok", "95.00 % of 100"],
    [94_999, 5_001, "warning", "94.99 % of 100000"],
    [90, 10, "warning", "90.00 % of 100"],
    [89_999, 10_001, "critical", "89.99 % of 100000"],
    [0, 100, "critical", "0.00 % of 100"],
  ])("of %i to %i is %s, and shown as %s", (reused, created, verdict, shown) => {
    expect(ratio(reused, created)).toMatchObject({ verdict, shown, target: ">= 95 %" });
  });

  it("says nothing about fewer than 100 turns", () => {
    expect(ratio(0, 99)).toMatchObject({ verdict: "ok", value: null, shown: "too few: 99 of 100" });
  });
});

describe("choices without a result", () => {
  const share = (actionsWithoutResult: number, actions: number) =>
    lineOf(counted({ actionsWithoutResult, actions }), "actions-without-result-percent");

  it.each([
    [1, 20, "ok", "5.00 % of 20"],
    [5_001, 100_000, "warning", "5.01 % of 100000"],
    [0, 20, "ok", "0.00 % of 20"],
  ])("%i of %i are %s", (without, all, verdict, shown) => {
    expect(share(without, all)).toMatchObject({ verdict, shown });
  });

  it("say nothing about fewer than 20", () => {
    expect(share(19, 19)).toMatchObject({ verdict: "ok", value: null });
  });
});

describe("lookups of a session", () => {
  it.each([
    [1, 100, "ok"],
    [1_001, 100_000, "warning"],
  ])("of which %i of %i took longer than 10 ms are %s", (lookupsSlow, lookups, verdict) => {
    expect(verdictOf(counted({ lookupsSlow, lookups }), "lookups-under-10-ms-percent")).toBe(
      verdict,
    );
  });

  it("tell their mean in milliseconds", () => {
    expect(lineOf(counted({ lookups: 4, lookupSeconds: 0.005 }), "lookup-mean-ms").value).toBe(
      1.25,
    );
  });
});

describe("what may never happen", () => {
  it.each([
    ["contextLost", "context-lost", "critical"],
    ["historyEmpty", "histories-empty", "critical"],
    ["rapidCreates", "rapid-creates", "warning"],
    ["rapidCreatesPerMinute", "rapid-creates-per-minute", "critical"],
    ["sessionsGone", "sessions-not-found", "warning"],
    ["indexViolations", "index-violations", "critical"],
    ["inboundLost", "inbound-lost", "critical"],
    ["partitionsHeld", "partitions-waiting", "critical"],
    ["unproven", "unsigned-words", "warning"],
  ] as const)("%s: none is ok, and one is not", (figure, name, verdict) => {
    expect(lineOf(quiet, name)).toMatchObject({ verdict: "ok", next: null, target: "0" });
    expect(lineOf(counted({ [figure]: 1 }), name)).toMatchObject({
      verdict,
      value: 1,
      next: expect.stringContaining("npx holdfast "),
    });
  });

  it("duplicates, quarantined accounts, takeovers and waits stand in the database", () => {
    const { sessions } = quiet.stored;
    expect(
      verdictOf(stored({ sessions: { ...sessions, duplicates: 1 } }), "duplicate-sessions"),
    ).toBe("critical");
    expect(verdictOf(stored({ takeovers: 1 }), "takeovers-1h")).toBe("warning");
    expect(verdictOf(stored({ setAside: 1 }), "messages-set-aside")).toBe("warning");
    const accounts = { ...quiet.accounts, notServing: 1, quarantined: 1, cooling: 1, waits: 1 };
    const bad = { ...quiet, accounts };
    expect(verdictOf(bad, "accounts-not-serving")).toBe("warning");
    expect(verdictOf(bad, "accounts-quarantined")).toBe("critical");
    expect(verdictOf(bad, "accounts-silenced")).toBe("warning");
    expect(verdictOf(bad, "waits-in-force")).toBe("warning");
  });
});

describe("what waits", () => {
  const minute = 60_000;
  const waiting = (oldestMs: number | null) =>
    verdictOf(stored({ replies: { waiting: 1, oldestMs, givenUp: 0 } }), "oldest-reply-seconds");

  it("is a warning once a reply waits for longer than five minutes, critical from an hour on", () => {
    expect(waiting(null)).toBe("ok");
    expect(waiting(5 * minute)).toBe("ok");
    expect(waiting(5 * minute + 1)).toBe("warning");
    expect(waiting(60 * minute - 1)).toBe("warning");
    expect(waiting(60 * minute)).toBe("critical");
  });

  it("is a warning once a message is behind for longer than a quarter of an hour", () => {
    const behind = (oldestMs: number) =>
      verdictOf(stored({ backlog: { messages: 3, oldestMs } }), "oldest-behind-seconds");
    expect(behind(15 * minute)).toBe("ok");
    expect(behind(15 * minute + 1)).toBe("warning");
  });

  it("tells how many and, in seconds, for how long", () => {
    const figures = stored({ replies: { waiting: 7, oldestMs: 61_999, givenUp: 0 } });
    expect(lineOf(figures, "replies-waiting").value).toBe(7);
    expect(lineOf(figures, "oldest-reply-seconds")).toMatchObject({ value: 61, shown: "61 s" });
    expect(lineOf(quiet, "oldest-reply-seconds")).toMatchObject({ value: 0, shown: "–" });
  });

  it("is a warning where a reply was given up", () => {
    const givenUp = stored({ replies: { waiting: 0, oldestMs: null, givenUp: 1 } });
    expect(lineOf(givenUp, "replies-given-up")).toMatchObject({
      verdict: "warning",
      next: "npx holdfast replies list",
    });
  });

  it("tells its age in the unit that says enough", () => {
    const texts = [119_999, 120_000, 7_199_999, 7_200_000, 172_799_999, 172_800_000].map(ageText);
    expect(texts).toEqual(["119 s", "2 min", "119 min", "2 h", "47 h", "2 d"]);
  });
});

describe("a figure that was not to be had", () => {
  it("is unknown, and says which command shows why", () => {
    const { contextLost: _, sessionsReused: __, ...rest } = quiet.counted;
    const partly = { ...quiet, counted: rest };
    expect(lineOf(partly, "context-lost")).toMatchObject({
      value: null,
      shown: "?",
      verdict: "unknown",
      next: "npx holdfast hosts",
    });
    expect(verdictOf(partly, "session-reuse-percent")).toBe("unknown");
    expect(verdictOf({ ...quiet, counted: {} }, "lookup-mean-ms")).toBe("unknown");
  });

  it("is that of a host that did not answer", () => {
    const silent = { ...quiet, hosts: { serving: 2, silent: ["two"] } };
    expect(lineOf(silent, "hosts-answering")).toMatchObject({
      verdict: "unknown",
      shown: "1 of 2",
      value: 1,
    });
    const none = { ...quiet, hosts: { serving: 0, silent: [] } };
    expect(verdictOf(none, "hosts-answering")).toBe("critical");
  });

  it("says of a bounded count that there may be more", () => {
    const { sessions } = quiet.stored;
    const many = stored({ sessions: { ...sessions, active: countMax } });
    expect(lineOf(many, "sessions-active").shown).toBe("100000 or more");
  });
});

describe("the exit code", () => {
  it.each([
    [[], "ok", 0],
    [["ok"], "ok", 0],
    [["ok", "unknown"], "unknown", 1],
    [["warning", "unknown"], "warning", 1],
    [["warning", "critical", "ok"], "critical", 4],
  ] as const)("of %j is that of the worst, %s: %i", (given, worst, code) => {
    expect(worstOf(given.map((verdict) => ({ verdict })))).toBe(worst);
    expect(exitCodeOfWorst(worst)).toBe(code);
  });

  it("of a quiet fleet is 0, and no name is there twice", () => {
    const lines = figureLines(quiet);
    expect(exitCodeOfWorst(worstOf(lines))).toBe(0);
    expect(new Set(lines.map(({ name }) => name)).size).toBe(lines.length);
    expect(new Set(lines.map(({ group }) => group))).toEqual(
      new Set(["conversation", "custody", "replies", "flood"]),
    );
  });
});
