import { describe, expect, it } from "vitest";
import { createGatePromises } from "../../src/custody/gate-promises.ts";
import { provesEnd } from "../../src/custody/signed-statements.ts";
import { createTrustedBus } from "../../src/custody/trusted-bus.ts";
import { createSimSignatures } from "../../src/proof/simulation/sim-signatures.ts";
import { createTakeover } from "../../src/custody/takeover.ts";
import type { LeaseValue } from "../../src/custody/registers.ts";
import type { FleetNews } from "../../src/ports/custody/fleet-bus.ts";
import type { GrantRef } from "../../src/ports/custody/gate.ts";
import type { SharedRegister } from "../../src/ports/custody/shared-register.ts";
import { createKernel } from "../../src/proof/simulation/kernel.ts";
import { createRandom } from "../../src/proof/simulation/random.ts";

const grant: GrantRef = { account: "site-bot", slot: 1, epoch: 7 };
const takeMs = 30_000;
const registration = async () => ({
  host: "h1",
  promise: { holdMs: 20_000, answerMs: 2_000 },
  isOver: false,
});

function scene() {
  const kernel = createKernel(createRandom(1));
  const { clock } = kernel.spawn("gate", 1);
  const told: FleetNews[] = [];
  const done: string[] = [];
  const words: string[] = [];
  const signatures = createSimSignatures();
  const signer = signatures.signerOf("i1");
  const listeners = new Set<(news: FleetNews) => void>();
  const bus = {
    tell(news: FleetNews) {
      told.push(news);
      for (const listener of listeners) listener(news);
    },
    onNews(listener: (news: FleetNews) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    onFence: () => () => {},
    fence: async () => null,
  };
  const custody = createGatePromises({
    signer,
    host: "h1",
    bus,
    lease: { setServing: (serving) => done.push(`serving ${serving}`), latch: () => {} },
    deadline: { latch: () => {} },
    clock,
    tellAgainMs: 2000,
    cut: async () => {},
    cutAll: async () => {
      done.push("cut");
      return [grant];
    },
    keepWord: (signature) => words.push(signature),
    afterAnswer: () => {},
  });
  const run = (ms: number) => kernel.run(kernel.nowMs + ms);
  const trusted = createTrustedBus({
    bus,
    signatures,
    onUnproven: ({ kind, incarnation }) => done.push(`unproven ${kind} of ${incarnation}`),
  });
  return { kernel, clock, bus, trusted, signatures, custody, told, words, done, run };
}

describe("what a gate promises to the fleet", () => {
  const letGo = expect.objectContaining({ type: "let-go", incarnation: "i1", grants: [grant] });

  it("is told after the cut, and again until its next node serves", async () => {
    const { custody, told, done, run } = scene();
    await custody.letGo();
    expect(done).toEqual(["serving false", "cut"]);
    expect(told).toEqual([letGo]);
    await run(4500);
    expect(told).toEqual([letGo, letGo, letGo]);
    custody.setServing(true);
    await run(10_000);
    expect(told).toHaveLength(3);
  });

  it("is that it has ended, once everything is cut, and nobody waits for T_take then", async () => {
    const { kernel, clock, trusted, signatures, custody, told, words, done } = scene();
    const lease: LeaseValue = {
      generation: 1,
      incarnation: "i1",
      n: 5,
      nonce: "n5",
      status: "live",
      serving: true,
    };
    let entry = { key: "h1", value: lease, revision: 5 };
    const hosts: SharedRegister<LeaseValue> = {
      read: async () => entry,
      async write(key, value, previous) {
        expect(previous).toBe(entry.revision);
        entry = { key, value, revision: previous + 1 };
        return entry.revision;
      },
      entries: async () => [entry],
      watch: async () => () => {},
    };
    const takeover = createTakeover({
      hosts,
      store: { registration, revoke: async () => true, silence: async () => [grant] },
      bus: trusted,
      signatures,
      promiseOf: () => null,
      clock,
      takeMs,
      newNonce: () => "n",
    });
    const beganMs = kernel.nowMs;
    const taken = takeover.take({ incarnation: "i1", host: "h1" }, { force: true });
    await kernel.run(kernel.nowMs + 100);
    await custody.end();
    expect(done).toEqual(["cut"]);
    expect(told[0]).toMatchObject({ type: "ended", incarnation: "i1", host: "h1" });
    const gate = { incarnation: "i1", host: "h1" };
    expect(words.map((word) => provesEnd(signatures, gate, word))).toEqual([true]);
    expect(await taken).toEqual({ ended: true, freed: [grant], how: "told" });
    expect(kernel.nowMs - beganMs).toBeLessThan(takeMs / 10);
  });

  it("counts for a takeover that begins after it was told", async () => {
    const { clock, trusted, signatures, custody } = scene();
    const takeover = createTakeover({
      hosts: {
        read: async () => null,
        write: async () => 1,
        entries: async () => [],
        watch: async () => () => {},
      },
      store: { registration, revoke: async () => true, silence: async () => [] },
      bus: trusted,
      signatures,
      promiseOf: () => null,
      clock,
      takeMs,
      newNonce: () => "n",
    });
    await custody.end();
    expect(await takeover.take({ incarnation: "i1", host: "h1" }, { force: true })).toMatchObject({
      how: "told",
    });
  });
});
