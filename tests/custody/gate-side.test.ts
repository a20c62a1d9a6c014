import { describe, expect, it } from "vitest";
import { createGateSide } from "../../src/custody/gate-side.ts";
import type { LeaseValue } from "../../src/custody/registers.ts";
import type { FenceRequest, FleetNews } from "../../src/ports/custody/fleet-bus.ts";
import type { GrantRef } from "../../src/ports/custody/gate.ts";
import { createKernel } from "../../src/proof/simulation/kernel.ts";
import { createLink } from "../../src/proof/simulation/link.ts";
import { createRandom } from "../../src/proof/simulation/random.ts";
import { createSimSignatures } from "../../src/proof/simulation/sim-signatures.ts";
import { createSimRegister } from "../../src/proof/simulation/sim-register.ts";

const grant: GrantRef = { account: "site-bot", slot: 1, epoch: 7 };
const timings = {
  heartbeatMs: 2_000,
  retryMs: 500,
  suspectMs: 10_000,
  holdMs: 20_000,
  softStopMs: 18_000,
  answerMs: 2_000,
};

/** A gate's side over a simulated NATS; everything that it does is noted. */
function scene() {
  const kernel = createKernel(createRandom(1));
  const hosts = createSimRegister<LeaseValue>(kernel, 800);
  const signatures = createSimSignatures();
  const done: string[] = [];
  const news: FleetNews[] = [];

  function gate(incarnation: string) {
    const process = kernel.spawn(incarnation, 1);
    const link = createLink();
    let nonces = 0;
    let fence = async (_request: FenceRequest) => "";
    let mayAct = () => false;
    const note = (what: string) => void done.push(`${incarnation} ${what}`);
    const side = createGateSide({
      host: "h1",
      signer: signatures.signerOf(incarnation),
      hosts: hosts.view({ from: process, link }),
      bus: {
        tell(told) {
          news.push(told);
          note(`tells ${told.type}`);
        },
        onFence(_incarnation, handler) {
          fence = handler;
          return () => {};
        },
      },
      clock: process.clock,
      clocks: process.clocks,
      timings,
      waitMs: 12_000,
      keepWord: () => note(`keeps its last word, may act ${mayAct()}`),
      newNonce: () => `${incarnation}-${(nonces += 1)}`,
      onWait: (other) => note(`waits for ${other}`),
      openSockets(isAlive) {
        mayAct = isAlive;
        return {
          cut: async () => note("cuts one"),
          async cutAll() {
            note(`cuts all, lease ${status()}`);
            return [grant];
          },
        };
      },
      onLatched: () => note("latched"),
      flush: async () => note("flushes"),
      leave: () => note("leaves"),
    });
    const node = {
      start: () => note(`starts its node, may act ${mayAct()}`),
      allowCalls: (allowed: boolean) => note(`allows calls ${allowed}`),
      stop: async () => note(`stops its node, lease ${status()}`),
      kill: () => note("kills its node"),
    };
    return { side, node, link, mayAct: () => mayAct(), fence: () => fence({ type: "everything" }) };
  }

  const lease = () => hosts.present().find(({ key }) => key === "h1")?.value;
  const status = () => lease()?.status ?? "none";
  async function run(ms: number): Promise<void> {
    // What was asked for just now comes to its first wait.
    await new Promise(setImmediate);
    await kernel.run(kernel.nowMs + ms);
  }
  return { gate, done, news, lease, run };
}

/** A gate that holds its lease. */
async function held() {
  const all = scene();
  const one = all.gate("i1");
  const holding = one.side.hold(one.node);
  await all.run(100);
  await holding;
  all.done.length = 0;
  return { ...all, ...one };
}

describe("a gate's side of custody", () => {
  it("starts the node once the lease stands, and not before", async () => {
    const { gate, done, lease, run } = scene();
    const { side, node, mayAct } = gate("i1");
    const holding = side.hold(node);
    expect([mayAct(), done]).toEqual([false, []]);
    await run(100);
    await holding;
    expect(done).toEqual(["i1 starts its node, may act true"]);
    expect(lease()).toMatchObject({ incarnation: "i1", status: "live" });
  });

  it("gives the lease up only when its node has stopped and everything is cut", async () => {
    const { side, done, lease, run, mayAct } = await held();
    const released = side.release();
    await run(100);
    await released;
    expect(done).toEqual([
      "i1 stops its node, lease live",
      "i1 cuts all, lease live",
      "i1 keeps its last word, may act false",
      "i1 tells ended",
    ]);
    expect(lease()).toMatchObject({ status: "released", serving: false });
    expect(mayAct()).toBe(false);
  });

  it("lets no call begin once the lease is about to run out, and ends when it has", async () => {
    const { link, done, run, mayAct, news } = await held();
    link.requests = "lost";
    await run(18_500);
    expect(done).toEqual(["i1 allows calls false"]);
    expect(mayAct()).toBe(true);
    await run(4_000);
    expect(done.slice(1, 6)).toEqual([
      "i1 kills its node",
      "i1 latched",
      "i1 cuts all, lease live",
      "i1 keeps its last word, may act false",
      "i1 tells ended",
    ]);
    expect(done.slice(6)).toContain("i1 leaves");
    expect(news).toMatchObject([{ type: "ended", incarnation: "i1", host: "h1" }]);
    expect(mayAct()).toBe(false);
  });

  it("lets calls begin again when the lease is renewed in time", async () => {
    const { link, done, run } = await held();
    link.requests = "lost";
    await run(18_500);
    link.requests = "flow";
    await run(2_000);
    expect(done).toEqual(["i1 allows calls false", "i1 allows calls true"]);
  });

  it("answers a fence with everything cut, and ends after the answer", async () => {
    const { done, run, mayAct, fence } = await held();
    await fence();
    expect(done).toEqual(["i1 cuts all, lease live"]);
    expect(mayAct()).toBe(false);
    await run(100);
    expect(done.slice(1, 3)).toEqual(["i1 kills its node", "i1 latched"]);
  });

  it("never starts its node when it is to end while it waits for another gate", async () => {
    const { gate, side: other, done, run } = await held();
    const { side, node, mayAct } = gate("i2");
    const holding = side.hold(node);
    await run(5_000);
    const released = side.release();
    // The lease becomes free only now.
    const freed = other.release();
    await run(20_000);
    await Promise.all([released, freed, holding]);
    expect(done.filter((what) => what.startsWith("i2 starts"))).toEqual([]);
    expect(mayAct()).toBe(false);
  });

  it("says that another gate holds the lease, and leaves nothing behind", async () => {
    const { gate, done, run } = await held();
    const { side, node, mayAct } = gate("i2");
    const holding = side.hold(node).then(
      () => null,
      (error: unknown) => error,
    );
    await run(20_000);
    expect(await holding).toMatchObject({ code: "LEASE_HELD" });
    expect(mayAct()).toBe(false);
    expect(done).toContain("i2 waits for i1");
    expect(done.slice(-3)).toEqual([
      "i2 cuts all, lease live",
      "i2 keeps its last word, may act false",
      "i2 tells ended",
    ]);
  });
});
