import { describe, expect, it } from "vitest";
import type { LeaseValue } from "../../src/custody/registers.ts";
import { leaseText } from "../../src/custody/signed-statements.ts";
import { createTakeover } from "../../src/custody/takeover.ts";
import {
  type HoldPromise,
  longestPromise,
  silentAfterMs,
} from "../../src/ports/custody/hold-promise.ts";
import type { Registration } from "../../src/ports/custody/incarnation-store.ts";
import { createKernel } from "../../src/proof/simulation/kernel.ts";
import { createRandom } from "../../src/proof/simulation/random.ts";
import { createSimSignatures } from "../../src/proof/simulation/sim-signatures.ts";

const takeMs = 7500;
const signatures = createSimSignatures();
const holder = signatures.signerOf("holder");
const liar = signatures.signerOf("liar");

const leaseOf = (change: Partial<LeaseValue>): LeaseValue => ({
  generation: 1,
  incarnation: "holder",
  n: 5,
  nonce: "n5",
  status: "live",
  serving: true,
  ...change,
});
const signed = (lease: LeaseValue, by = holder): LeaseValue => ({
  ...lease,
  signature: by.sign(leaseText("h1", lease)),
});

/** Takes over from the holder of this lease, whom Postgres knows so; answers how, and after how long. */
async function takeover(standing: LeaseValue, known: Registration | null, seen?: HoldPromise) {
  const kernel = createKernel(createRandom(1));
  let entry = { key: "h1", value: standing, revision: 5 };
  const written: string[] = [];
  const taking = createTakeover({
    hosts: {
      read: async (key) => (key === "h1" ? entry : null),
      async write(key, value) {
        written.push(`${key} ${value.status}`);
        entry = { key, value, revision: entry.revision + 1 };
        return entry.revision;
      },
      entries: async () => [entry],
      watch: async () => () => {},
    },
    store: {
      registration: async () => known,
      revoke: async () => true,
      silence: async () => [],
    },
    bus: { tell: () => {}, onNews: () => () => {}, fence: async () => false },
    signatures,
    promiseOf: () => seen ?? null,
    clock: kernel.spawn("taker", 1).clock,
    takeMs,
    newNonce: () => "n",
  });
  const beganMs = kernel.nowMs;
  let tookMs = 0;
  const taken = taking
    .take({ incarnation: standing.incarnation, host: "h1" }, { force: true })
    .finally(() => {
      tookMs = kernel.nowMs - beganMs;
    });
  await new Promise(setImmediate);
  await kernel.run(kernel.nowMs + 200_000);
  const outcome = await taken;
  return { how: outcome.ended ? outcome.how : outcome.why, tookMs, written };
}

const slow: HoldPromise = { holdMs: 20_000, answerMs: 2000 };
const quick: HoldPromise = { holdMs: 5000, answerMs: 2000 };
const h1 = (promise: HoldPromise | null, isOver = false): Registration => ({
  host: "h1",
  promise,
  isOver,
});

describe("a takeover from a silent host", () => {
  it("waits as long as a holder with longer times has promised to act", async () => {
    const { how, tookMs } = await takeover(signed(leaseOf({})), h1(slow));
    expect(how).toBe("waited");
    expect(tookMs).toBeCloseTo(silentAfterMs(slow), 0);
  });

  it("waits its own time where the holder promised less", async () => {
    expect((await takeover(signed(leaseOf({})), h1(quick))).tookMs).toBeCloseTo(takeMs, 0);
  });

  it("reads the promise in the lease, or in one seen before, when Postgres has lost it", async () => {
    const inLease = await takeover(signed(leaseOf(slow)), null);
    expect(inLease.tookMs).toBeCloseTo(silentAfterMs(slow), 0);
    const before = await takeover(signed(leaseOf({})), null, slow);
    expect(before.tookMs).toBeCloseTo(silentAfterMs(slow), 0);
  });

  it("waits for the longest promise there may be where a host of an older version tells none", async () => {
    const longestMs = silentAfterMs(longestPromise);
    const older = await takeover(leaseOf({ incarnation: "older" }), h1(null));
    expect(older.tookMs).toBeCloseTo(longestMs, 0);
    const forged = leaseOf({ incarnation: "older", holdMs: 1, answerMs: 1 });
    expect((await takeover(signed(forged, liar), null)).tookMs).toBeCloseTo(longestMs, 0);
  });

  it("waits its own time, which is the fleet's, where the promise of a host with a key is lost", async () => {
    expect((await takeover(leaseOf({}), h1(null))).tookMs).toBeCloseTo(takeMs, 0);
    const forged = await takeover(signed(leaseOf({ holdMs: 1, answerMs: 1 }), liar), null);
    expect(forged.tookMs).toBeCloseTo(takeMs, 0);
  });

  it("frees at once what the holder itself has released, and nothing that another says is", async () => {
    const genuine = await takeover(signed(leaseOf({ status: "released" })), h1(quick));
    expect(genuine.how).toBe("released");
    const forged = await takeover(signed(leaseOf({ status: "released" }), liar), h1(quick));
    expect([forged.how, forged.written]).toEqual(["waited", ["h1 revoked", "h1 revoked"]]);
    const bare = await takeover(leaseOf({ status: "released" }), h1(quick));
    expect(bare.how).toBe("waited");
    const older = await takeover(leaseOf({ incarnation: "older", status: "released" }), h1(quick));
    expect(older.how).toBe("waited");
  });

  it("waits for nothing, and revokes nothing, where the holder is over by Postgres's record", async () => {
    const over = await takeover(leaseOf({ incarnation: "newer" }), h1(quick, true));
    expect(over).toEqual({ how: "released", tookMs: 0, written: [] });
  });

  it("revokes the lease of the host that Postgres names, wherever hearsay puts the holder", async () => {
    const { written } = await takeover(signed(leaseOf({})), {
      host: "h9",
      promise: quick,
      isOver: false,
    });
    expect(written).toEqual(["h9 revoked", "h9 revoked"]);
  });
});
