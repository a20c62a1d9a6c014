import { rmSync } from "node:fs";
import { join } from "node:path";
import { createSystemClock } from "../concurrency/system-clock.ts";
import { within } from "../concurrency/wait.ts";
import { HoldfastError } from "../errors.ts";
import { nodeFlags, programFile } from "../files.ts";
import { startTimeOf, endProcess } from "../adapters/machine/process-identity.ts";
import { clearRecord, type Log, runDirectory, writeRecord } from "./process-records.ts";
import type { Managed } from "./processes.ts";
import { launch } from "./processes.ts";
import { endedEarly, hasType, onMessage } from "./program.ts";

export interface GateReady {
  /** http://HOST:PORT of metrics, health and console. */
  readonly http: string;
  readonly pids: { readonly gate: number; readonly node: number };
}

/** One life of the gate, which itself keeps the node alive. */
export interface GateProcess {
  readonly process: Managed;
  readonly ready: GateReady;
  stop(): Promise<void>;
}

export interface GateProcessOptions {
  readonly home: string;
  /** The whole environment of the gate, HOLDFAST_* filled in. */
  readonly env: NodeJS.ProcessEnv;
  /** Arguments of `process.execPath`; a test may run a double. */
  readonly program?: readonly string[];
  /** The gate may finish its calls for this long; then it is killed. */
  readonly stopMsMax: number;
  readonly onNode: (pid: number) => void;
  /** The node tells who looks on. */
  readonly log: Log;
  /** Aborts a start that is under way. */
  readonly signal?: AbortSignal;
}

const readyMsMax = 60_000;
const nodeEndsWithinMs = 1_000;

function isReady(value: unknown): value is GateReady & { readonly type: "ready" } {
  return (
    hasType(value, "ready") &&
    "http" in value &&
    typeof value.http === "string" &&
    "pids" in value &&
    typeof value.pids === "object" &&
    value.pids !== null &&
    "gate" in value.pids &&
    typeof value.pids.gate === "number" &&
    "node" in value.pids &&
    typeof value.pids.node === "number"
  );
}

function isNode(value: unknown): value is { readonly type: "node"; readonly pid: number } {
  return hasType(value, "node") && "pid" in value && typeof value.pid === "number";
}

function isShown(value: unknown): value is { readonly type: "shown"; readonly line: string } {
  return hasType(value, "shown") && "line" in value && typeof value.line === "string";
}

interface Failed {
  readonly type: "failed";
  readonly message: string;
  readonly policy?: unknown;
}

function isFailed(value: unknown): value is Failed {
  return hasType(value, "failed") && "message" in value && typeof value.message === "string";
}

/** The node, a child of the gate, has a record of its own: a hung node outlives a killed gate. */
function nodeRecords(home: string) {
  let record: Parameters<typeof writeRecord>[1] | null = null;
  return {
    note: (pid: number) => {
      const startTime = startTimeOf(pid);
      if (startTime === null) return;
      record = { name: "node", pid, startTime, stopSignal: "SIGTERM", ports: [], dirs: [] };
      writeRecord(home, record);
    },
    end: async () => {
      if (record === null) return;
      await endProcess(record, { politely: "SIGTERM", waitMs: nodeEndsWithinMs });
      clearRecord(home, record);
    },
  };
}

function untilReady(managed: Managed): Promise<GateReady> {
  const next = "Read logs/gate.log in the home.";
  const ready = new Promise<GateReady>((resolve, reject) => {
    let reason: HoldfastError | undefined;
    onMessage(managed, isReady, resolve);
    onMessage(managed, isFailed, ({ message, policy }) => {
      reason = new HoldfastError({
        code: "GATE_FAILED",
        message,
        next,
        policy: policy === "retryable" ? "retryable" : "terminal",
      });
    });
    void managed.exited.then(() => reject(reason ?? endedEarly(managed, next)));
  });
  return within(createSystemClock(), readyMsMax, ready, () => {
    const message = `The gate was not ready within ${readyMsMax / 1000} s.`;
    throw new HoldfastError({ code: "GATE_NOT_READY", message, next });
  });
}

/**
 * Starts the gate and waits until its node serves. Errors: GATE_FAILED with the gate's own line,
 * PART_ENDED, GATE_NOT_READY; after each of them neither gate nor node runs.
 */
export async function startGateProcess(options: GateProcessOptions): Promise<GateProcess> {
  const { home, env, stopMsMax, onNode, signal } = options;
  const managed = await launch({
    home,
    name: "gate",
    command: process.execPath,
    args: [...nodeFlags, ...(options.program ?? [programFile("src/main/gate")])],
    env,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    stopMsMax,
  });
  const nodes = nodeRecords(home);
  const nodeEnded = managed.exited.then(() => {
    // A killed gate could not remove it.
    rmSync(join(runDirectory(home), `gate-${managed.pid}.sock`), { force: true });
    return nodes.end();
  });
  const stop = async () => {
    await managed.stop();
    await nodeEnded;
  };
  onMessage(managed, isNode, ({ pid }) => {
    nodes.note(pid);
    onNode(pid);
  });
  onMessage(managed, isShown, ({ line }) => options.log(line));
  onMessage(managed, isReady, ({ pids }) => nodes.note(pids.node));
  const giveUp = () => void managed.stop();
  if (signal?.aborted) giveUp();
  signal?.addEventListener("abort", giveUp);
  try {
    return { process: managed, ready: await untilReady(managed), stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}
