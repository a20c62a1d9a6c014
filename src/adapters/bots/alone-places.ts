import type { Clock } from "../../concurrency/clock.ts";
import type { BotPlace } from "../../ports/conversation/bot-runner.ts";
import type { BotProcess } from "./bot-process.ts";

/** Places for turns that may end the process that they run in: one turn at a time in each. */
export interface AlonePlaces {
  /** In the order of asking. null once `signal` aborts. A place that was promised must be used. */
  place(signal: AbortSignal): Promise<BotPlace | null>;
  /** No further process is started. */
  close(): void;
}

/** A process that no suspect needs any more is kept for so long. */
const keptMs = 5_000;
/** A handler whose turn is over, as it took too long, has so long to end. Its process is ended then. */
const graceMs = 60_000;
/** A process that cannot be loaded is started again after this. */
const againMs = 1_000;

/**
 * A suspect runs in a process where nothing is under way: a fresh one, or one whose last turn has left nothing behind.
 * So what ends the process is the suspect's.
 */
export function createAlonePlaces(options: {
  readonly clock: Pick<Clock, "schedule">;
  /** At the same time. */
  readonly placesMax: number;
  start(onGone: () => void): BotProcess;
}): AlonePlaces {
  const { clock, placesMax, start } = options;
  const asking: ((place: BotPlace) => void)[] = [];
  const idle: BotProcess[] = [];
  let places = 0;
  let starting = 0;
  let isClosed = false;

  /** Never rejects: a process that cannot be loaded is tried again for as long as a turn waits. */
  async function fresh(): Promise<void> {
    starting += 1;
    try {
      const one = start(() => {
        const at = idle.indexOf(one);
        if (at !== -1) idle.splice(at, 1);
      });
      await one.facts;
      starting -= 1;
      offer(one);
    } catch {
      starting -= 1;
      clock.schedule(againMs, () => {
        places -= 1;
        pump();
      });
    }
  }

  /** Gives a process in which nothing is under way to the next one that asks. */
  function offer(one: BotProcess): void {
    places -= 1;
    if (one.hasEnded) return pump();
    const next = asking.shift();
    if (next === undefined) {
      idle.push(one);
      clock.schedule(keptMs, () => {
        if (idle.includes(one)) one.end();
      });
      return;
    }
    places += 1;
    next(used(one));
  }

  function used(one: BotProcess): BotPlace {
    return {
      run(turn, texts) {
        const run = one.run(turn, texts);
        const over = (): void => {
          if (one.isClean && !one.hasEnded) return offer(one);
          one.end();
          places -= 1;
          pump();
        };
        Promise.resolve(run.answer).then(over, over);
        return {
          answer: run.answer,
          end(reason) {
            run.end(reason);
            clock.schedule(graceMs, () => {
              if (one.open > 0) one.end({ code: "BOT_HUNG", why: "did not end a handler" });
            });
          },
        };
      },
    };
  }

  function pump(): void {
    while (!isClosed && asking.length > starting && (idle.length > 0 || places < placesMax)) {
      places += 1;
      const kept = idle.pop();
      if (kept === undefined) void fresh();
      else offer(kept);
    }
  }

  return {
    close: () => void (isClosed = true),
    place: (signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve(null);
        const leave = (): void => {
          asking.splice(asking.indexOf(take), 1);
          resolve(null);
        };
        const take = (place: BotPlace): void => {
          signal.removeEventListener("abort", leave);
          resolve(place);
        };
        signal.addEventListener("abort", leave, { once: true });
        asking.push(take);
        pump();
      }),
  };
}
