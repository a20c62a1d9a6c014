import type { Claims } from "../../custody/claims.ts";
import { wait } from "../../concurrency/wait.ts";
import type { Keepable } from "../../accounts/host.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import type { SlotRef } from "../../ports/custody/token-store.ts";
import type { Kernel, SimProcess } from "./kernel.ts";
import type { SimGateView, SimSocket } from "./sim-gate.ts";
import type { SimStoreView } from "./sim-store.ts";

export interface SimWorkerOptions {
  readonly kernel: Kernel;
  readonly process: SimProcess;
  readonly ref: SlotRef;
  readonly claims: Claims;
  readonly gate: SimGateView;
  readonly store: SimStoreView;
  /** The gate lets calls begin: not while the lease is about to run out. */
  mayCall(): boolean;
}

const retryMs = 800;
const betweenCallsMs = 900;
const drainMs = 3000;
/** Without an answer for this long, the connection counts as lost. */
const unansweredMsMax = 10_000;

/**
 * One account in place of its whole lifecycle: claim, connect, call, and hand over in good order.
 */
export function createSimWorker(options: SimWorkerOptions): Keepable {
  const { kernel, process, ref, claims, gate, store } = options;
  const { clock } = process;
  let stopping = false;
  /** The waits that a stop must wake. */
  const waits = new Set<AbortController>();
  let stopped: Promise<void> = Promise.resolve();

  async function connect(grant: GrantRef): Promise<SimSocket> {
    await claims.confirm(grant);
    return gate.dial({ ...grant, keyId: "a".repeat(16) });
  }

  /** Calls until the connection ends or a handover is due; returns how many are unanswered. */
  async function serve(grant: GrantRef, socket: SimSocket): Promise<number> {
    const ended = new AbortController();
    let inFlight = 0;
    let answeredMs = clock.monotonicMs();
    let wakers: (() => void)[] = [];
    const wake = () => {
      for (const waker of wakers.splice(0)) waker();
    };
    socket.onClosed(() => {
      ended.abort();
      wake();
    });
    const send = () => {
      inFlight += 1;
      socket.send(() => {
        inFlight -= 1;
        answeredMs = clock.monotonicMs();
        if (inFlight === 0) wake();
      });
    };
    const untilIdle = () => new Promise<void>((resolve) => (wakers = [...wakers, resolve]));
    send();
    await Promise.race([untilIdle(), wait(clock, unansweredMsMax, ended.signal)]);
    if (inFlight > 0) return inFlight;
    const { applied } = await store.connected(grant);
    if (applied) claims.taken(grant);
    const pause = async (delayMs: number) => {
      const over = new AbortController();
      waits.add(over);
      await wait(clock, delayMs, over.signal);
      waits.delete(over);
    };
    const isAnswered = () => clock.monotonicMs() - answeredMs < unansweredMsMax;
    while (applied && !stopping && !ended.signal.aborted && isAnswered()) {
      if (options.mayCall()) send();
      if (kernel.random.chance(0.3)) {
        if (!(await store.commit(grant))) break;
      }
      await pause(betweenCallsMs * (0.5 + kernel.random.next()));
    }
    if (inFlight > 0 && !ended.signal.aborted) {
      await Promise.race([untilIdle(), wait(clock, drainMs, ended.signal)]);
    }
    return inFlight;
  }

  /** Cuts with proof, then frees the token; repeats until the database has it. */
  async function free(grant: GrantRef, idle: boolean): Promise<void> {
    for (;;) {
      try {
        await gate.cut(grant, { idle });
        const releasing = store.released(grant);
        claims.freed(grant);
        await releasing;
        claims.freed(grant);
        return;
      } catch {
        await wait(clock, retryMs);
      }
    }
  }

  async function claim(): Promise<GrantRef | null> {
    const looked = new AbortController();
    waits.add(looked);
    const freed = claims.untilFree(ref, looked.signal);
    try {
      const grant = await claims.claim(ref);
      if (grant === null) await freed;
      return grant;
    } finally {
      waits.delete(looked);
      looked.abort();
    }
  }

  async function run(): Promise<void> {
    while (!stopping) {
      let grant: GrantRef | null = null;
      let unanswered = 0;
      try {
        grant = await claim();
        if (grant === null) continue;
        if (!stopping) unanswered = await serve(grant, await connect(grant));
      } catch {
        await wait(clock, retryMs);
        unanswered = 1;
      }
      if (grant !== null) await free(grant, unanswered === 0);
    }
  }

  return {
    async start() {
      stopped = run();
    },
    refresh() {},
    mayMove: true,
    async stop() {
      stopping = true;
      for (const waiting of waits) waiting.abort();
      await stopped;
    },
  };
}
