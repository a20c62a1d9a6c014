import { type BotDeath, BotDied } from "../../ports/conversation/bot-runner.ts";
import { errorOf } from "./error-facts.ts";
import type { ErrorFacts } from "./messages.ts";

/** All that is known of the end of a process of a bot. */
export interface ProcessEnd {
  /** Why it was killed here; `given-up`: nobody wants it any more; null: it was not. */
  readonly killed: { readonly code: BotDeath; readonly why: string } | "given-up" | null;
  /** What it said last: its turn where that is known, or 0. */
  readonly lastWords: {
    readonly turn: number;
    readonly how: "crash" | "exit";
    readonly error: ErrorFacts;
  } | null;
  /** It printed that its heap is full. */
  readonly isOutOfHeap: boolean;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * The errors of the turns that a process had when it ended. One that is known to have ended it is the only suspect;
 * otherwise all of them are.
 */
export function deathsOf(file: string, end: ProcessEnd, has: (turn: number) => boolean) {
  const { killed, lastWords } = end;
  const { code, why } = howOf(end);
  const culprit = lastWords !== null && has(lastWords.turn) ? lastWords.turn : null;
  const died = (isSuspect: boolean): BotDied =>
    new BotDied({
      code,
      message: `A process of the bot ${file} ${why}.`,
      next: isSuspect
        ? "Its turns are tried alone; correct the bot, then replay those that were set aside: npx holdfast conversation replay"
        : "This turn is tried again.",
      isSuspect,
    });
  const suspect = died(true);
  const innocent = died(false);
  return (turn: number): BotDied => {
    if (killed === "given-up") return innocent;
    return culprit === null || culprit === turn ? suspect : innocent;
  };
}

function howOf(end: ProcessEnd): { readonly code: BotDeath; readonly why: string } {
  const { killed, lastWords, isOutOfHeap, code, signal } = end;
  if (killed === "given-up") return { code: "BOT_EXITED", why: "was replaced" };
  if (killed !== null) return killed;
  if (isOutOfHeap) return { code: "BOT_OUT_OF_MEMORY", why: "ran out of its memory" };
  if (lastWords !== null) {
    const { message } = errorOf(lastWords.error);
    return lastWords.how === "exit"
      ? { code: "BOT_EXITED", why: `ended itself: ${message}` }
      : { code: "BOT_CRASHED", why: `crashed: ${message}` };
  }
  return signal === null
    ? { code: "BOT_EXITED", why: `ended with the code ${code}` }
    : { code: "BOT_CRASHED", why: `was ended by ${signal}` };
}
