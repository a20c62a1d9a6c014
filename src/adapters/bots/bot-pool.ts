import type { Clock } from "../../concurrency/clock.ts";
import { errorLine, type HoldfastError } from "../../errors.ts";
import type { BotPlace, BotRunner } from "../../ports/conversation/bot-runner.ts";
import { createAlonePlaces } from "./alone-places.ts";
import { type BotProcess, startBotProcess } from "./bot-process.ts";
import { createBotSeats } from "./bot-seats.ts";
import { botProgram, type BotProgramOptions, endingWithParent } from "./bot-program.ts";
import type { BotFacts } from "./messages.ts";

export interface BotPoolOptions extends BotProgramOptions {
  readonly clock: Pick<Clock, "monotonicMs" | "schedule">;
  /** Processes that share the bot's turns. */
  readonly processes: number;
  /** A process that has turns and gives no sign of life for so long is ended. */
  readonly hangMs: number;
  /** What the bot prints. */
  onLine(line: string): void;
  /** A failure of the bot's that belongs to no turn. */
  onFloating(error: HoldfastError): void;
  /** A process has ended while turns were under way, or cannot be loaded any more. */
  onFault(line: string): void;
}

/**
 * The processes of one bot. `createBotSeats` says who takes which turn. Where none gives signs of life, turns wait. One
 * that ends is started again.
 */
export interface BotPool extends BotRunner {
  /** Rejects with the error of a bot that cannot be loaded; then no process is left. */
  readonly loaded: Promise<void>;
  /**
   * Starts fresh processes, which take the next turns; the old ones finish theirs. Rejects with the error of a bot that
   * cannot be loaded: then the old ones go on.
   */
  reload(): Promise<void>;
  close(): void;
}

/** Resident memory beside the heap: Node itself, and buffers. */
const besideHeapMb = 128;
const megabyte = 1024 * 1024;
/** Before a process that ended soon after its start is started again. */
const restsMs = [0, 250, 1_000, 5_000, 15_000];
/** One that lived for so long has earned a fresh start at once. */
const steadyMs = 10_000;
/** Old processes have so long for the turns that they have. */
const retireMsMax = 120_000;
const retireLookMs = 250;

export function createBotPool(options: BotPoolOptions): BotPool {
  const { clock, processes, memoryMb } = options;
  const seats = createBotSeats<BotProcess>();
  const living = new Set<BotProcess>();
  const waiting = new Set<() => void>();
  let facts: BotFacts = { name: options.file, alsoAnswers: [], hearsUndeliverable: false };
  let deaths = 0;
  let isClosed = false;

  /** A process of its newest sources. */
  function start(givesWay: boolean, onGone: (aliveMs: number) => void): BotProcess {
    const begunMs = clock.monotonicMs();
    const started = startBotProcess({
      ...options,
      givesWay,
      program: endingWithParent(botProgram(options)),
      bytesMax: (memoryMb + besideHeapMb) * megabyte,
      onHeard: wake,
      onEnded() {
        living.delete(started);
        wake();
        onGone(clock.monotonicMs() - begunMs);
      },
    });
    living.add(started);
    return started;
  }

  function wake(): void {
    for (const look of waiting) look();
  }

  /** Once it serves, another takes its place when it ends. */
  function make(givesWay = false): BotProcess {
    const started = start(givesWay, (aliveMs) => {
      if (isClosed || !seats.remove(started)) return;
      deaths = aliveMs > steadyMs ? 0 : deaths + 1;
      const restMs = restsMs[Math.min(Math.max(deaths - processes, 0), restsMs.length - 1)]!;
      clock.schedule(restMs, () => {
        if (!isClosed && seats.taken < processes) serve(true).facts.then(known, failed);
      });
    });
    return started;
  }

  function serve(givesWay = false): BotProcess {
    const started = make(givesWay);
    seats.add(started);
    return started;
  }

  function known(of: BotFacts): void {
    facts = of;
    wake();
  }

  function failed(error: unknown): void {
    if (!isClosed) options.onFault(`the bot ${facts.name} cannot be loaded: ${errorLine(error)}`);
  }

  const startAlone = (onGone: () => void): BotProcess => start(true, onGone);
  const alone = createAlonePlaces({ clock, placesMax: processes, start: startAlone });

  function close(): void {
    isClosed = true;
    alone.close();
    for (const one of living) one.end();
    for (const look of waiting) look();
  }

  async function load(): Promise<void> {
    const first = Array.from({ length: processes }, () => serve());
    try {
      const [of] = await Promise.all(first.map((one) => one.facts));
      if (of !== undefined) known(of);
    } catch (error) {
      close();
      throw error;
    }
  }

  return {
    loaded: load(),
    get name() {
      return facts.name;
    },
    get alsoAnswers() {
      return facts.alsoAnswers;
    },
    get hearsUndeliverable() {
      return facts.hearsUndeliverable;
    },
    place({ item, alone: isAlone, signal }) {
      if (isAlone) return alone.place(signal);
      const free = seats.placeOf(item);
      if (free !== null) return free;
      return untilFree(waiting, signal, () => (isClosed ? null : (seats.placeOf(item) ?? "none")));
    },
    async reload() {
      const fresh = make();
      const newest = await fresh.facts;
      const old = [...living].filter((one) => one !== fresh);
      seats.keep(fresh);
      known(newest);
      while (seats.taken < processes) serve().facts.then(known, failed);
      retire(old, clock, () => isClosed);
    },
    close,
  };
}

/** A place once there is one; null once `signal` aborts, or the pool is closed. */
function untilFree(
  waiting: Set<() => void>,
  signal: AbortSignal,
  find: () => BotPlace | "none" | null,
): Promise<BotPlace | null> {
  return new Promise((resolve) => {
    const look = (): void => {
      const found = signal.aborted ? null : find();
      if (found === "none") return;
      waiting.delete(look);
      signal.removeEventListener("abort", look);
      resolve(found);
    };
    waiting.add(look);
    signal.addEventListener("abort", look);
    look();
  });
}

/** They end with their last turns. */
function retire(
  old: readonly BotProcess[],
  clock: BotPoolOptions["clock"],
  isClosed: () => boolean,
): void {
  const sinceMs = clock.monotonicMs();
  const look = (): void => {
    const isOver = clock.monotonicMs() - sinceMs > retireMsMax;
    for (const one of old) if (!one.hasEnded && (isOver || one.open === 0)) one.end();
    if (!isClosed() && old.some((one) => one.open > 0)) clock.schedule(retireLookMs, look);
  };
  look();
}
