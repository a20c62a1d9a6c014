import { expect, it } from "vitest";
import { createServingSlot } from "../../src/accounts/serving-slot.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

const grant = { account: "one", slot: 1, epoch: 1 };

/** A serving slot over parts that answer at once; `calls` are those of its outbox. */
function openSlotBench() {
  const calls: string[] = [];
  const call = (name: string) => () => void calls.push(name);
  const done = async () => {};
  const self = { userId: "1", isBot: true, phone: null, username: null, firstName: null };
  const client = {
    callsInFlight: 0,
    connect: done,
    close: done,
    self: async () => self,
  };
  const world = {
    account: "one",
    kind: "bot",
    accounts: {
      loadSession: async () => null,
      find: async () => null,
      telegramUser: async () => "1",
    },
    tokens: { connected: async () => ({ applied: true }) },
    claims: { confirm: done, taken: () => {} },
    gate: { admit: done, dial: done },
    drivers: { of: async () => ({ open: () => client }) },
    waits: {
      load: done,
      refuse: () => {},
      call: (_called: unknown, work: () => unknown) => work(),
    },
    clock: createTestClock(),
    timings: { disconnectMs: 1, drainMs: 1 },
    events: { report: () => {} },
    makeCursor: () => ({ anchor: done, start: done, stop: done, onUpdates: () => {} }),
    makeOutbox: () => ({
      start: async () => void calls.push("start"),
      pause: call("pause"),
      resume: call("resume"),
      notify: call("notify"),
      recover: done,
      stop: done,
      quiet: done,
    }),
  };
  const serving = createServingSlot(
    world as never,
    { free: done },
    {} as never,
    () => {},
    () => {},
  );
  return { serving, calls };
}

it("an account that came up silent, or paused, sends once it may", async () => {
  const { serving, calls } = openSlotBench();
  await serving.open(grant, new AbortController().signal);
  serving.hold();
  await serving.serve();
  expect(calls).toEqual(["start"]);
});

it("an account that serves is held and goes on", async () => {
  const { serving, calls } = openSlotBench();
  await serving.open(grant, new AbortController().signal);
  await serving.serve();
  serving.hold();
  await serving.serve();
  expect(calls).toEqual(["start", "pause", "resume"]);
});
