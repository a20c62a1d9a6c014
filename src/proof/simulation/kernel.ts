import type { LeaseClocks } from "../../custody/lease-deadline.ts";
import type { Clock } from "../../concurrency/clock.ts";
import { createEventQueue, type Timed } from "./event-queue.ts";
import type { Random } from "./random.ts";

interface Happening extends Timed {
  readonly owner: SimProcess | null;
  readonly kind: "timer" | "message";
  readonly run: () => void;
  cancelled: boolean;
}

/** A program on a simulated machine. It can be paused and killed, and its clocks are its own. */
export interface SimProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly clocks: LeaseClocks;
  readonly state: "running" | "paused" | "dead";
  /** Runs `task` in this process as an arrival from outside, after `delayMs`. */
  deliver(delayMs: number, task: () => void): void;
  /**
   * SIGSTOP: timers and arrivals wait. `suspended`: its monotonic clock stands still too, as in a
   * suspended machine.
   */
  pause(suspended: boolean): void;
  /** SIGCONT: the waiting events come at once, timers first or arrivals first. */
  resume(order: "timers-first" | "messages-first"): void;
  /** SIGKILL: nothing of it runs any more. */
  kill(): void;
  onKilled(listener: () => void): void;
  /** Moves the wall clock by this much. */
  jump(byMs: number): void;
}

/** Virtual time. All events of a run go through it, in an order that the seed decides. */
export interface Kernel {
  readonly nowMs: number;
  readonly random: Random;
  /** Events that have run. */
  readonly steps: number;
  at(delayMs: number, run: () => void): void;
  /** `rate`: the speed of its clocks. */
  spawn(name: string, rate: number): SimProcess;
  /** Runs until the virtual time has come or `done` answers true. */
  run(untilMs: number, done?: () => boolean): Promise<void>;
}

/** More events than this at one instant are a circle. */
const standingMax = 20_000;

export function createKernel(random: Random): Kernel {
  const queue = createEventQueue<Happening>();
  let nowMs = 0;
  let order = 0;
  let steps = 0;
  /** Consecutive events at the same instant. */
  let standing = 0;

  function push(
    delayMs: number,
    owner: SimProcess | null,
    kind: Happening["kind"],
    run: () => void,
  ): Happening {
    order += 1;
    const event = { atMs: nowMs + Math.max(0, delayMs), order, owner, kind, run, cancelled: false };
    queue.push(event);
    return event;
  }

  function spawn(name: string, rate: number): SimProcess {
    const startMs = nowMs;
    let state: SimProcess["state"] = "running";
    let wallOffsetMs = 0;
    let stoodStillMs = 0;
    let suspendedAtMs: number | null = null;
    let held: Happening[] = [];
    const killListeners: (() => void)[] = [];
    const uptimeMs = () => (nowMs - startMs) * rate;
    const monotonicMs = () => {
      const still = suspendedAtMs === null ? 0 : nowMs - suspendedAtMs;
      return (nowMs - startMs - stoodStillMs - still) * rate;
    };
    const wallMs = () => 1_700_000_000_000 + nowMs * rate + wallOffsetMs;

    const process: SimProcess & { hold(event: Happening): boolean } = {
      name,
      get state() {
        return state;
      },
      clocks: { monotonicMs, uptimeMs, wallMs },
      clock: {
        now: wallMs,
        monotonicMs,
        schedule(delayMs, task) {
          if (state === "dead") return () => {};
          const event = push(delayMs / rate, process, "timer", task);
          return () => {
            event.cancelled = true;
          };
        },
      },
      deliver: (delayMs, task) => void push(delayMs, process, "message", task),
      pause(suspended) {
        if (state !== "running") return;
        state = "paused";
        if (suspended) suspendedAtMs = nowMs;
      },
      resume(first) {
        if (state !== "paused") return;
        state = "running";
        if (suspendedAtMs !== null) stoodStillMs += nowMs - suspendedAtMs;
        suspendedAtMs = null;
        const [before, after] =
          first === "timers-first"
            ? (["timer", "message"] as const)
            : (["message", "timer"] as const);
        const waiting = [
          ...held.filter(({ kind }) => kind === before),
          ...held.filter(({ kind }) => kind === after),
        ];
        held = [];
        for (const event of waiting) {
          const again = push(0, process, event.kind, () => {
            if (!event.cancelled) event.run();
          });
          again.cancelled = event.cancelled;
        }
      },
      kill() {
        if (state === "dead") return;
        state = "dead";
        held = [];
        for (const listener of killListeners) listener();
      },
      onKilled: (listener) => void killListeners.push(listener),
      jump(byMs) {
        wallOffsetMs += byMs;
      },
      hold(event) {
        if (state === "paused") held.push(event);
        return state !== "running";
      },
    };
    return process;
  }

  const isHeld = (event: Happening): boolean =>
    event.owner !== null &&
    (event.owner as SimProcess & { hold(event: Happening): boolean }).hold(event);

  return {
    get nowMs() {
      return nowMs;
    },
    random,
    get steps() {
      return steps;
    },
    at: (delayMs, run) => void push(delayMs, null, "message", run),
    spawn,
    async run(untilMs, done = () => false) {
      await inImmediates(() => {
        for (;;) {
          const event = queue.peek();
          if (done() || event === undefined || event.atMs > untilMs) return false;
          queue.pop();
          if (event.cancelled) continue;
          standing = event.atMs === nowMs ? standing + 1 : 0;
          if (standing > standingMax) throw new Error(`time stands still at ${nowMs} ms`);
          nowMs = event.atMs;
          if (isHeld(event)) continue;
          steps += 1;
          event.run();
          return true;
        }
      });
      if (done()) return;
      nowMs = Math.max(nowMs, untilMs);
    },
  };
}

/** Of one round of the event loop: a round is a call of the system, which costs more than an event. */
const immediatesMax = 64;

/**
 * Calls `step` until it answers false. Every settled promise runs to its next wait between two calls, as Node has no
 * microtask left when the next immediate begins. Rejects with what `step` throws.
 */
function inImmediates(step: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    let queued = 0;
    function turn(): void {
      queued -= 1;
      if (isOver) return;
      try {
        isOver = !step();
        if (isOver) resolve();
        else if (queued === 0) queueAll();
      } catch (error) {
        isOver = true;
        reject(error);
      }
    }
    function queueAll(): void {
      queued = immediatesMax;
      for (let n = 0; n < immediatesMax; n += 1) setImmediate(turn);
    }
    queueAll();
  });
}
