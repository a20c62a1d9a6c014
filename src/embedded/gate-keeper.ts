import { createSystemClock } from "../concurrency/system-clock.ts";
import type { Clock } from "../concurrency/clock.ts";
import { wait } from "../concurrency/wait.ts";
import { errorLine, HoldfastError, policyOf } from "../errors.ts";
import {
  type GateProcess,
  type GateProcessOptions,
  type GateReady,
  startGateProcess,
} from "./gate-process.ts";
import type { Log } from "./process-records.ts";
import type { Exit } from "./processes.ts";

/**
 * Keeps a gate running. A gate that ends is replaced a bounded number of times; one that cannot start because a server
 * is away, or another gate has not ended, is tried for as long as that lasts.
 */
export interface GateKeeper {
  readonly ready: GateReady;
  stop(): Promise<void>;
}

export interface GateKeeperOptions extends Omit<GateProcessOptions, "env"> {
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  /** A new gate serves, at the old addresses. */
  readonly onReplaced: (ready: GateReady) => void;
  /** Default: the machine's. */
  readonly clock?: Pick<Clock, "schedule">;
  /** No gate could be kept; the keeper has stopped. */
  readonly onGivenUp: (error: HoldfastError) => void;
}

/** Waits before consecutive attempts. The first is 0: a fresh gate cures a latched one. */
const delaysMs = [0, 500, 1_000, 2_000, 4_000, 8_000] as const;
/** Between tries for as long as a server is away: no longer than this, and not all hosts of a fleet at once. */
const awayMsMax = 15_000;
const awayJitterMs = 3_000;
/** A gate that served for this long resets the count. */
const steadyMs = 20_000;

/** Throws the errors of `startGateProcess`. A gate that never served is not tried again. */
export async function keepGate(options: GateKeeperOptions): Promise<GateKeeper> {
  const { log, onReplaced, onGivenUp, clock = createSystemClock() } = options;
  let gate: GateProcess | null = await startGateProcess(options);
  const first = gate.ready;
  // The address was announced, so a replacement must serve at the same one.
  const env = { ...options.env, HOLDFAST_HTTP_PORT: new URL(first.http).port };
  const stopping = new AbortController();
  let attempts = 0;
  let replacing: Promise<void> = Promise.resolve();

  function watch(of: GateProcess): void {
    const since = performance.now();
    const onEnd = ({ code, signal }: Exit): void => {
      if (stopping.signal.aborted) return;
      if (performance.now() - since > steadyMs) attempts = 0;
      log(`the gate ended (${signal ?? `exit ${code}`}); starting another`);
      gate = null;
      replacing = replace();
    };
    void of.process.exited.then(onEnd);
  }

  async function replace(): Promise<void> {
    let reason = "it keeps ending";
    let triesAway = 0;
    while (attempts < delaysMs.length && !stopping.signal.aborted) {
      const delayMs = triesAway > 0 ? awayDelayMs(triesAway) : (delaysMs[attempts] ?? 0);
      await wait(clock, delayMs, stopping.signal);
      if (stopping.signal.aborted) return;
      attempts += 1;
      try {
        gate = await startGateProcess({ ...options, env, signal: stopping.signal });
        watch(gate);
        onReplaced(gate.ready);
        return;
      } catch (error) {
        if (stopping.signal.aborted) return;
        reason = errorLine(error);
        const isAway = policyOf(error) === "retryable";
        triesAway = isAway ? triesAway + 1 : 0;
        if (isAway) attempts = 0;
        log(`the gate did not start: ${reason}`);
      }
    }
    if (stopping.signal.aborted) return;
    onGivenUp(
      new HoldfastError({
        code: "GATE_GIVEN_UP",
        message: `The gate could not be kept running: ${reason}`,
        next: "Read logs/gate.log in the home, then start again.",
      }),
    );
  }

  watch(gate);
  return {
    ready: first,
    stop: async () => {
      stopping.abort();
      await replacing;
      await gate?.stop();
    },
  };
}

const awayDelayMs = (tries: number): number =>
  Math.min(delaysMs.at(tries) ?? awayMsMax, awayMsMax) + Math.random() * awayJitterMs;
