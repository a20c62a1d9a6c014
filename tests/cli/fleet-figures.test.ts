import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { sumUp } from "../../src/cli/fleet-figures.ts";
import { figuresJson, figuresText } from "../../src/cli/figures-report.ts";
import { noFigures, quiet } from "../fixtures/fleet-figures.ts";

const answer = (host: string, change: object = {}) => ({
  ok: true,
  host,
  since: "2026-01-02T00:00:00.000Z",
  figures: { ...noFigures, sessionsCreated: 2 },
  nodeRestarts: 1,
  ...change,
});

const [one, two] = [{ host: "one" }, { host: "two" }];

describe("the sum over the hosts", () => {
  it("adds each figure, and counts since the earliest start", () => {
    const earlier = answer("two", { since: "2026-01-01T00:00:00.000Z" });
    expect(sumUp([one, two], [answer("one"), earlier])).toMatchObject({
      counted: { sessionsCreated: 4, nodeRestarts: 2, contextLost: 0 },
      answered: ["one", "two"],
      silent: [],
      since: "2026-01-01T00:00:00.000Z",
    });
  });

  it("names the serving hosts that did not answer", () => {
    expect(sumUp([one, two], [answer("one")])).toMatchObject({
      answered: ["one"],
      silent: [{ host: "two", why: "no answer in time" }],
      counted: { sessionsCreated: 2 },
    });
  });

  it("says why a node refused, and takes nothing of its answer", () => {
    const refused = {
      ok: false,
      code: "COMMAND_UNKNOWN",
      message: 'There is no command "metrics".',
    };
    expect(sumUp([one], [refused])).toEqual({
      counted: {},
      answered: [],
      silent: [{ host: "one", why: 'it was refused: There is no command "metrics".' }],
      since: null,
    });
  });

  it.each([undefined, null, "7", Number.NaN, -1, Number.POSITIVE_INFINITY])(
    "leaves out a figure that one host tells as %s",
    (value) => {
      const odd = answer("two", { figures: { ...noFigures, contextLost: value } });
      const { counted } = sumUp([one, two], [answer("one"), odd]);
      expect(counted).not.toHaveProperty("contextLost");
      expect(counted).toHaveProperty("sessionsCreated", 2);
    },
  );
});

describe("the report", () => {
  const lossy = {
    ...quiet,
    counted: { ...quiet.counted, contextLost: 1, historyEmpty: 2 },
    hosts: { serving: 2, silent: ["two"] },
    silent: [{ host: "two", why: "no answer in time" }],
  };

  it("has a stated shape as JSON", () => {
    const json = figuresJson(lossy);
    expect(Object.keys(json)).toEqual(["verdict", "since", "hosts", "figures"]);
    expect(json).toMatchObject({
      verdict: "critical",
      hosts: { answered: ["one"], silent: [{ host: "two", why: "no answer in time" }] },
    });
    expect(json.figures.find(({ name }) => name === "context-lost")).toEqual({
      group: "conversation",
      name: "context-lost",
      value: 1,
      shown: "1",
      target: "0",
      verdict: "critical",
      next: "npx holdfast logs",
    });
  });

  it("begins with the verdict and the hosts that are missing, and ends with each next command once", () => {
    const lines = figuresText(figuresJson(lossy), null).split("\n");
    expect(lines.slice(0, 2)).toEqual([
      "Something is critical. Counted since 2026-01-01T00:00:00.000Z.",
      "two is not in these figures: no answer in time.",
    ]);
    expect(lines).toContain("conversation");
    expect(lines.find((line) => line.includes("context-lost"))).toMatch(
      /^ {2}context-lost +critical +1 +0$/,
    );
    expect(lines.slice(lines.indexOf("Next:"))).toEqual([
      "Next:",
      "  npx holdfast logs   (context-lost, histories-empty)",
      "  npx holdfast hosts   (hosts-answering)",
    ]);
  });

  it("stands in the documents with every figure and its target", () => {
    const page = readFileSync(new URL("../../docs/operating.md", import.meta.url), "utf8");
    const shown = [...page.matchAll(/^ {2}([a-z0-9-]+) +(?:ok|warning) +(?:.*\S) {2,}(\S.*)$/gm)];
    const lines = figuresJson(quiet).figures.map(({ name, target }) => [name, target]);
    expect(shown.map(([, name, target]) => [name, target])).toEqual(lines);
  });

  it("of a quiet fleet names no command, and fits a screen of 80 columns whole", () => {
    const text = figuresText(figuresJson(quiet), null);
    expect(text).toContain("All is well.");
    expect(text).not.toContain("Next:");
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    const narrow = figuresText(figuresJson(lossy), 50).split("\n").slice(3);
    expect(Math.max(...narrow.map((line) => line.length))).toBe(50);
  });
});
