import { expect, it } from "vitest";
import { createServingSlot } from "../../src/accounts/serving-slot.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

const grant = { account: "one", slot: 1, epoch: 1 };

/** A serving slot over parts that answer at once; `calls` are those of its outbox. */
function openSlotBench() {
  const calls: string[] = [];
  const clock = createTestClock();
  /** What the next send's answer says to the account, in seconds. */
  const silences: number[] = [];
  /** The waits that were written down, in milliseconds. */
  const cooled: number[] = [];
  const told: string[] = [];
  /** Whether each grant that was given back had every call answered. */
  const freed: boolean[] = [];
  const call = (name: string) => () => void calls.push(name);
  const done = async () => {};
  const self = { userId: "1", isBot: true, phone: null, username: null, firstName: null };
  const client = {
    callsInFlight: 0,
    send: done,
    connect: done,
    close: done,
    self: async () => self,
  };
  const world = {
    account: "one",
    kind: "bot",
    accounts: {
      needs: async () => ({ record: null, session: null, renewal: null }),
      telegramUser: async () => "1",
      cool: async (_account: string, untilMs: number) => void cooled.push(untilMs - clock.now()),
    },
    tokens: { connected: async () => ({ applied: true }) },
    claims: { confirm: done, taken: () => {} },
    gate: { dial: done },
    drivers: { of: async () => ({ open: () => client }) },
    waits: {
      load: done,
      refuse: () => {},
      call(_called: unknown, work: () => unknown, onSilence?: (seconds: number) => void) {
        for (const seconds of silences.splice(0)) onSilence?.(seconds);
        return work();
      },
    },
    clock,
    timings: { disconnectMs: 1, drainMs: 1 },
    mayCall: () => true,
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
    { free: async (_grant, { idle } = { idle: false }) => void freed.push(idle) },
    {} as never,
    ({ type }) => void told.push(type),
    () => {},
  );
  return { serving, client, freed, calls, clock, silences, cooled, told };
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

it("an account that is to be silent after a script's send is, once for each order", async () => {
  const { serving, calls, clock, silences, cooled, told } = openSlotBench();
  await serving.open(grant, new AbortController().signal);
  await serving.serve();
  const send = () => serving.use((client) => client.send({ peer: { userId: "5" } } as never));
  silences.push(30, 30);
  await send();
  expect(calls).toEqual(["start", "pause"]);
  expect(cooled).toEqual([30_000]);
  expect(told).toEqual(["flood"]);
  expect(serving.coolingUntilMs).toBe(clock.now() + 30_000);
  clock.advance(30_000);
  silences.push(0);
  await send();
  expect(told).toEqual(["flood", "flood"]);
});

it("a call that waits for the word to dial is no call under way: the grant goes back at once", async () => {
  const { serving, client, freed } = openSlotBench();
  client.callsInFlight = 1;
  const needs = { record: null, session: null, renewal: null, serverSalt: null };
  serving.prepare(grant, { raised: Promise.resolve(), needs: Promise.resolve(needs) });
  await serving.end();
  expect(freed).toEqual([true]);
  await serving.open(grant, new AbortController().signal);
  await serving.end();
  expect(freed).toEqual([true, false]);
});
