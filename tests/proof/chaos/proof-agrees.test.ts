import { expect, it } from "vitest";
import { contradictions } from "../../../src/proof/chaos/proof-agrees.ts";
import type { CustodyInterval } from "../../../src/custody/ledger-proof.ts";

const interval = (host: string, openedMs: number, knownToMs: number): CustodyInterval => ({
  account: "bot-1",
  slot: 1,
  epoch: 1,
  host,
  incarnation: `i-${host}`,
  openedMs,
  closedMs: 30_000,
  knownToMs,
  known: "closed asleep",
});
const pair = [interval("h1", 0, 10_000), interval("h2", 20_000, 30_000)] as const;
const sleep = { host: "h1", fromMs: 10_100, toMs: 29_000 };
const seen = (count: number) => new Map([["bot-1", count]]);
const none = { overlaps: [], asleep: [] };

it("wants as many overlaps as telegram-dc has counted", () => {
  expect(contradictions(none, seen(0), [])).toEqual([]);
  expect(contradictions({ overlaps: [pair], asleep: [] }, seen(1), [])).toEqual([]);
  expect(contradictions(none, seen(1), [])).toHaveLength(1);
  expect(contradictions({ overlaps: [pair], asleep: [] }, seen(0), [])).toHaveLength(1);
});

it("sets one account's overlaps against no other's", () => {
  const counted = new Map([
    ["bot-1", 0],
    ["bot-2", 1],
  ]);
  expect(contradictions({ overlaps: [pair], asleep: [] }, counted, [])).toHaveLength(2);
});

it("leaves open what was opened in a sleep that the harness caused", () => {
  const proof = { overlaps: [], asleep: [pair] };
  expect(contradictions(proof, seen(0), [sleep])).toEqual([]);
  expect(contradictions(proof, seen(1), [sleep])).toEqual([]);
  expect(contradictions(proof, seen(2), [sleep])).toHaveLength(1);
});

it.each([
  ["nobody was stopped", []],
  ["another host was", [{ ...sleep, host: "h2" }]],
  ["it was stopped later than it says", [{ ...sleep, fromMs: 15_000 }]],
  ["it had been woken before the second was opened", [{ ...sleep, toMs: 19_000 }]],
])("believes no gate that it slept where %s", (_, sleeps) => {
  expect(contradictions({ overlaps: [], asleep: [pair] }, seen(1), sleeps)).toHaveLength(1);
});
