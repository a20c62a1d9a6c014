import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AccountWorld } from "../../src/accounts/context.ts";
import { lifecycleModel } from "../fixtures/models/events.ts";
import { runLifecyclePath } from "../fixtures/models/lifecycle-runner.ts";
import type { ChangeWorld } from "../fixtures/models/lifecycle-scene.ts";
import { type OpenStage, openStage } from "../fixtures/models/lifecycle-stage.ts";
import { replay } from "../fixtures/models/paths.ts";
import {
  drained,
  granted,
  login,
  prepared,
  ready,
  renew,
  switched,
  verified,
} from "../fixtures/models/lifecycle-story.ts";

const renewal = replay(lifecycleModel, "a user without an authorisation", [
  login,
  { type: "slot.authorised", slot: 1 },
  granted,
  ready,
  renew,
  prepared,
  drained,
  verified,
  switched,
  ready,
]);

let stage: OpenStage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage?.close());

const run = (change: ChangeWorld) => runLifecyclePath(stage, renewal, { change, stepMsMax: 2000 });

/** A client library that says that it is closed and keeps its connection. */
const leaky: ChangeWorld = (world) => ({
  ...world,
  drivers: {
    async of(name) {
      const driver = await world.drivers.of(name);
      return {
        ...driver,
        open(options) {
          const client = driver.open(options);
          return Object.create(client, { close: { value: async () => {} } }) as typeof client;
        },
      };
    },
  },
});

const cutNothing: ChangeWorld = (world) => ({
  ...world,
  gate: {
    incarnation: world.gate.incarnation,
    host: world.gate.host,
    dial: (grant, to, when) => world.gate.dial(grant, to, when),
    sockets: (slot) => world.gate.sockets(slot),
    cut: async () => ({ sockets: 0, tookMs: 0 }),
  },
});

const recordNoGrant: ChangeWorld = (world) => ({
  ...world,
  claims: {
    ...world.claims,
    async claim(ref) {
      const token = await world.tokens.read(ref);
      return { account: ref.account, slot: ref.slot, epoch: (token?.epoch ?? 0) + 1 };
    },
  },
});

/** The switch is written, and with it that there is nothing left to log out. */
const forgetOldSlot: ChangeWorld = (world) => ({
  ...world,
  accounts: withAccounts(world, {
    async switchSlot(change) {
      const done = await world.accounts.switchSlot(change);
      await world.accounts.forgetSlot({ account: change.account, slot: change.from }, "retired");
      return done;
    },
  }),
});

const readNoCode: ChangeWorld = (world) => ({
  ...world,
  drivers: {
    async of(name) {
      const driver = await world.drivers.of(name);
      return {
        ...driver,
        open: (options) =>
          driver.open({ ...options, events: { ...options.events, onServiceMessage: () => {} } }),
      };
    },
  },
});

const recordNoTransition: ChangeWorld = (world) => ({
  ...world,
  accounts: withAccounts(world, { recordTransition: async () => {} }),
});

const publishNothing: ChangeWorld = (world) => ({ ...world, events: { report: () => {} } });

function withAccounts(
  { accounts }: AccountWorld,
  wrong: Partial<AccountWorld["accounts"]>,
): AccountWorld["accounts"] {
  return { ...accounts, ...wrong };
}

describe("the path of a renewal", () => {
  it("is followed by the runtime as it is wired", async () => {
    await expect(run((world) => world)).resolves.toBeUndefined();
  });

  it("is followed even with a client that keeps its connection, because the gate cuts it", async () => {
    await expect(run(leaky)).resolves.toBeUndefined();
  });

  it.each([
    {
      wrong: "a gate that cuts nothing",
      change: (world: AccountWorld) => leaky(cutNothing(world)),
      says: /connections in|idle/,
    },
    { wrong: "a grant that is not recorded", change: recordNoGrant, says: /slot.authorised/ },
    {
      wrong: "a switch that forgets the old slot",
      change: forgetOldSlot,
      says: /nobody remembers/,
    },
    { wrong: "a code reader that reads nothing", change: readNoCode, says: /slot.prepared/ },
    { wrong: "transitions that are not recorded", change: recordNoTransition, says: /state/ },
    { wrong: "transitions that are not published", change: publishNothing, says: /start to/ },
  ])("fails with $wrong", async ({ change, says }) => {
    await expect(run(change)).rejects.toThrow(says);
  });
});
