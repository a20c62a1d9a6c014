import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../concurrency/clock.ts";

/** A process's own heap, and how busy the process is. */
export interface Heap {
  usedBytes(): number;
  /** Stops everything meanwhile: some 0.2 ms for each account. */
  collect(): void;
  /** The share of the time since the last call in which the event loop had work. */
  busyShare(): number;
}

export interface IdleMemory {
  /** Call it now and then. */
  look(): void;
}

const lookMs = 10_000;
const busyShareMax = 0.1;
const quietMs = 30_000;
/** Between two collections: a message that comes meanwhile waits for its end. */
const betweenMs = 600_000;
const megabyte = 1024 * 1024;
/** What may gather before a collection is worth its pause. */
const garbageMin = 32 * megabyte;

/**
 * Gives back the memory that accounts needed to come up. The heap may grow elevenfold before V8 looks for garbage, so
 * that a busy node is not held up; an idle one would keep all of it for ever. The first collection also wakes V8's own
 * reducer, which returns the pages to the system.
 */
export function createIdleMemory(clock: Pick<Clock, "monotonicMs">, heap: Heap): IdleMemory {
  let lookedMs = clock.monotonicMs();
  let quietSinceMs = lookedMs;
  let collectedMs = -Infinity;
  let leftBytes = 0;

  return {
    look() {
      const nowMs = clock.monotonicMs();
      if (nowMs - lookedMs < lookMs) return;
      lookedMs = nowMs;
      if (heap.busyShare() > busyShareMax) quietSinceMs = nowMs;
      if (nowMs - quietSinceMs < quietMs || nowMs - collectedMs < betweenMs) return;
      if (heap.usedBytes() - leftBytes < garbageMin) return;
      heap.collect();
      leftBytes = heap.usedBytes();
      collectedMs = nowMs;
    },
  };
}

/** This process's. A context that is made while V8 has the flag has `gc`; no other one gets it. */
export function openHeap(): Heap {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  let before = performance.eventLoopUtilization();
  return {
    usedBytes: () => process.memoryUsage().heapUsed,
    collect,
    busyShare() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return utilization;
    },
  };
}
