import { describe, expect, it } from "vitest";
import { createHostLease, type HostLease } from "../../src/custody/host-lease.ts";
import { worthOf } from "../../src/custody/lease-reading.ts";
import { createLeaseDeadline, type LeaseDeadline } from "../../src/custody/lease-deadline.ts";
import type { LeaseValue } from "../../src/custody/registers.ts";
import { wait } from "../../src/concurrency/wait.ts";
import type { SharedRegister } from "../../src/ports/custody/shared-register.ts";
import { createKernel } from "../../src/proof/simulation/kernel.ts";
import { createLink } from "../../src/proof/simulation/link.ts";
import { createRandom } from "../../src/proof/simulation/random.ts";
import { createSimSignatures } from "../../src/proof/simulation/sim-signatures.ts";
import { createSimRegister } from "../../src/proof/simulation/sim-register.ts";

const holdMs = 20_000;
const timings = { heartbeatMs: 2000, retryMs: 500, suspectMs: 10_000, holdMs, answerMs: 2000 };

/** Gates over one simulated register, in virtual time. */
function fleet() {
  const kernel = createKernel(createRandom(1));
  const register = createSimRegister<LeaseValue>(kernel, 800);
  const signatures = createSimSignatures();
  let nonces = 0;
  function gate(
    incarnation: string,
    change = (hosts: SharedRegister<LeaseValue>): SharedRegister<LeaseValue> => hosts,
    host = "h1",
  ): {
    lease: HostLease;
    deadline: LeaseDeadline;
    ended: string[];
    link: ReturnType<typeof createLink>;
  } {
    const process = kernel.spawn(incarnation, 1);
    const link = createLink();
    const deadline = createLeaseDeadline(process.clocks, holdMs);
    const ended: string[] = [];
    const lease = createHostLease({
      hosts: change(register.view({ from: process, link })),
      host,
      signer: signatures.signerOf(incarnation),
      deadline,
      clock: process.clock,
      timings,
      newNonce: () => `nonce-${(nonces += 1)}`,
      waitMs: 0,
      onWait: () => {},
      onLatched: (why) => ended.push(why),
    });
    return { lease, deadline, ended, link };
  }
  /** Runs until the promise has settled. */
  async function during<Result>(work: Promise<Result>, forMs = 30_000): Promise<Result> {
    let settled = false;
    const watch = work.finally(() => (settled = true));
    watch.catch(() => undefined);
    await kernel.run(kernel.nowMs + forMs, () => settled);
    return work;
  }
  return {
    kernel,
    register,
    signatures,
    gate,
    during,
    run: (ms: number) => kernel.run(kernel.nowMs + ms),
  };
}

describe("the lease of a host", () => {
  it("is renewed for as long as NATS acknowledges", async () => {
    const { gate, during, run } = fleet();
    const { lease, deadline, ended } = gate("i1");
    await during(lease.acquire());
    await run(60_000);
    expect(ended).toEqual([]);
    expect(deadline.isAlive()).toBe(true);
    expect(lease.renewals).toBeGreaterThan(25);
  });

  it("counts from before a renewal was sent, however late its acknowledgement comes", async () => {
    const { gate, during, run, kernel } = fleet();
    const process = kernel.spawn("slow answers", 1);
    const late = 700;
    const { lease, deadline } = gate("i1", (hosts) => ({
      ...hosts,
      async write(key, value, previous) {
        const revision = await hosts.write(key, value, previous);
        await wait(process.clock, late);
        return revision;
      },
    }));
    await during(lease.acquire());
    expect(deadline.leftMs).toBeLessThanOrEqual(holdMs - late);
    await run(10_000);
    expect(deadline.leftMs).toBeLessThanOrEqual(holdMs - late);
  });

  it("ends when NATS has acknowledged nothing for the time of its hold", async () => {
    const { gate, during, run } = fleet();
    const { lease, deadline, ended, link } = gate("i1");
    await during(lease.acquire());
    link.requests = "lost";
    await run(holdMs + 1000);
    expect(ended).toHaveLength(1);
    link.requests = "flow";
    await run(10_000);
    expect(deadline.isAlive()).toBe(false);
  });

  it("ends at a write that is not its own, even under its own incarnation, as a cloned machine's is", async () => {
    const { gate, during, run, register, kernel } = fleet();
    const { lease, ended } = gate("i1", (hosts) => ({ ...hosts, watch: async () => () => {} }));
    await during(lease.acquire());
    const clone = register.view({ from: kernel.spawn("clone", 1), link: createLink() });
    const entry = await during(clone.read("h1"));
    const value = { ...entry!.value, n: entry!.value.n + 1, nonce: "the clone's" };
    await during(clone.write("h1", value, entry!.revision));
    await run(5000);
    expect(ended).toHaveLength(1);
  });

  it("ends at another's write though the outcome of its own is unknown", async () => {
    const { gate, during, run, register, kernel } = fleet();
    const { lease, ended, link } = gate("i1", (hosts) => ({
      ...hosts,
      watch: async () => () => {},
    }));
    await during(lease.acquire());
    const clone = register.view({ from: kernel.spawn("clone", 1), link: createLink() });
    link.requests = "lost";
    await run(3000);
    const entry = await during(clone.read("h1"));
    const value = { ...entry!.value, n: entry!.value.n + 1, nonce: "the clone's" };
    await during(clone.write("h1", value, entry!.revision));
    link.requests = "flow";
    await run(3000);
    expect(ended).toHaveLength(1);
  });

  it.each([
    ["of a renewal before", { n: -1 }],
    ["of the same renewal", { n: 0 }],
    ["that serves no more", { n: 0, serving: false }],
  ])("ends at once at a forged write %s, before its next renewal", async (_what, change) => {
    const { gate, during, run, register, kernel } = fleet();
    const { lease, ended } = gate("i1");
    await during(lease.acquire());
    await run(4100);
    const liar = register.view({ from: kernel.spawn("liar", 1), link: createLink() });
    const entry = await during(liar.read("h1"));
    const value = { ...entry!.value, ...change, n: entry!.value.n + change.n, nonce: "forged" };
    await during(liar.write("h1", value, entry!.revision));
    await run(50);
    expect(ended).toHaveLength(1);
  });

  it("tells its successors for how long it may act, signed", async () => {
    const { gate, during, register, signatures } = fleet();
    await during(gate("i1").lease.acquire());
    const value = register.present()[0]!.value;
    expect(value).toMatchObject({ holdMs, answerMs: 2000 });
    expect(worthOf(signatures, "h1", value)).toBe("proven");
    expect(worthOf(signatures, "h1", { ...value, holdMs: 1 })).toBe("forged");
    expect(worthOf(signatures, "h2", value)).toBe("forged");
    expect(worthOf(signatures, "h1", { ...value, status: "released" })).toBe("forged");
    expect(worthOf(signatures, "h1", null)).toBe("forged");
  });

  it("takes its own write for its own when only the answer was lost", async () => {
    const { gate, during, run } = fleet();
    const { lease, deadline, ended, link } = gate("i1");
    await during(lease.acquire());
    link.replies = "lost";
    await run(5000);
    link.replies = "flow";
    await run(5000);
    expect(ended).toEqual([]);
    expect(deadline.leftMs).toBeGreaterThan(holdMs - 5000);
  });

  it("is refused while another gate of that host renews it, and given once that one lets go", async () => {
    const { gate, during } = fleet();
    const first = gate("i1");
    await during(first.lease.acquire());
    await expect(during(gate("i2").lease.acquire())).rejects.toMatchObject({ code: "LEASE_HELD" });
    await during(first.lease.release());
    const third = gate("i3");
    await during(third.lease.acquire());
    expect(third.deadline.isAlive()).toBe(true);
  });

  it("names both hosts where their names differ only in letters that are written as _", async () => {
    const { gate, during } = fleet();
    await during(gate("i1", undefined, "web.1").lease.acquire());
    await expect(during(gate("i2", undefined, "web_1").lease.acquire())).rejects.toMatchObject({
      code: "LEASE_HELD",
      message: expect.stringMatching(/"web_1" and "web\.1" have one lease/),
      next: expect.stringContaining("HOLDFAST_HOST"),
    });
  });
});
