import type { SnapshotFrom } from "xstate";
import { expect } from "vitest";
import { type lifecycleMachine, lifecycleStateName } from "../../machines/lifecycle.ts";
import { lifecycleModel } from "./events.ts";
import { eventually } from "./eventually.ts";
import type { Scene } from "./lifecycle-scene.ts";

type Snapshot = SnapshotFrom<typeof lifecycleMachine>;

/** States in which the serving key has its one connection. */
const connected: ReadonlySet<string> = new Set(["active", "active.preparing", "cooling", "paused"]);
/** States in which the earlier work has proven that no key of the account has a connection. */
const silent: ReadonlySet<string> = new Set([
  "verified-idle",
  "renewing",
  "leaving",
  "fenced",
  "quarantined",
  "stopped",
]);
/** States in which PostgreSQL and the machine may disagree for a moment about the slot that serves. */
const switching: ReadonlySet<string> = new Set([
  "aborting",
  "leaving",
  "fenced",
  "releasing",
  "stopped",
]);

/**
 * Compares the account with the model, then asks two witnesses: PostgreSQL, and the data centre's
 * ledger.
 */
export async function judge(scene: Scene, model: Snapshot): Promise<void> {
  const name = lifecycleStateName(model.value);
  expect(scene.account.runtime.state).toBe(name);
  expect(lifecycleModel.stateKey(scene.account.runtime.snapshot)).toBe(
    lifecycleModel.stateKey(model),
  );
  const record = await scene.bench.accounts.find(scene.account.name);
  expect(record).toMatchObject({
    state: name,
    reason: scene.account.runtime.snapshot.context.reason,
  });
  await judgeSockets(scene, name);
  await judgeToken(scene, name);
  if (name === "active") await judgeOldSlots(scene);
  if (model.context.slot !== null && !switching.has(name) && name !== "quarantined") {
    expect(record?.servingSlot).toBe(scene.account.runtime.snapshot.context.slot);
  }
  expect(scene.bench.dc.ledger.overlaps(), "[I1] overlaps").toEqual({
    "parallel-requests": 0,
    "any-two-connections": 0,
    "by-address": 0,
  });
}

async function judgeSockets(scene: Scene, name: string): Promise<void> {
  const { slot } = scene.account.runtime.snapshot.context;
  const keys = await keysOf(scene);
  const serving = keys.find((known) => known.slot === slot)?.key;
  if (connected.has(name)) {
    const open = openConnections(scene, keys).filter((key) => key === serving);
    expect(open, `[I1] connections in ${name}`).toHaveLength(1);
  }
  if (silent.has(name)) {
    await eventually(scene.stepMsMax, () => {
      expect(openConnections(scene, keys), `[I1] connections in ${name}`).toEqual([]);
    });
  }
}

interface KnownKey {
  readonly slot: number;
  readonly key: string;
  readonly state: string;
}

/** The keys of an account's slots, under the data centre's names. */
async function keysOf({ bench, account }: Scene): Promise<readonly KnownKey[]> {
  const slots = await bench.accounts.slots(account.name);
  return slots.flatMap(({ slot, state, keyId }) =>
    keyId === null ? [] : [{ slot, state, key: keyId }],
  );
}

function openConnections({ bench }: Scene, keys: readonly KnownKey[]): readonly string[] {
  const names = new Set(keys.map(({ key }) => key));
  return bench.dc.ledger
    .connections({ open: true })
    .flatMap(({ authKeyId }) => (authKeyId !== undefined && names.has(authKeyId) ? authKeyId : []));
}

/** Nothing is open and nothing is held, whatever came before. */
export async function judgeRest(scene: Scene): Promise<void> {
  const { bench, account } = scene;
  const keys = await keysOf(scene);
  await eventually(scene.stepMsMax, async () => {
    expect(openConnections(scene, keys), "[I1] connections at rest").toEqual([]);
    const held = await bench.tokens.heldBy(bench.incarnation);
    expect(held.filter((token) => token.account === account.name)).toEqual([]);
  });
}

async function judgeToken(scene: Scene, name: string): Promise<void> {
  const { bench, account } = scene;
  const { slot, epoch } = account.runtime.snapshot.context;
  if (connected.has(name)) {
    expect(await bench.tokens.read({ account: account.name, slot: slot ?? 0 })).toMatchObject({
      state: "connected",
      epoch,
      incarnation: bench.incarnation,
    });
  }
  if (name === "quarantined" || name === "stopped") {
    await eventually(scene.stepMsMax, async () => {
      const held = await bench.tokens.heldBy(bench.incarnation);
      expect(held.filter((token) => token.account === account.name)).toEqual([]);
    });
  }
}

/** [I2] A key that no longer serves is logged out; a key not known to be dead is not forgotten. */
async function judgeOldSlots(scene: Scene): Promise<void> {
  const { bench, account, selfName } = scene;
  await eventually(scene.stepMsMax, async () => {
    const slots = await bench.accounts.slots(account.name);
    const left = slots.filter(({ state }) => state === "PENDING" || state === "RETIRING");
    expect(left, "[I2] slots not logged out yet").toEqual([]);
    const kept = (await keysOf(scene)).filter(
      ({ state }) => state === "SERVING" || state === "DEAD",
    );
    const known = kept.map(({ key }) => key);
    for (const { authKeyId } of bench.dc.phone.authorisations(selfName)) {
      expect(known, "[I2] a key that works and that nobody remembers").toContain(authKeyId);
    }
  });
}
