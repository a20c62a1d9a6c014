import { HoldfastError } from "../../errors.ts";
import type { Clock } from "../../concurrency/clock.ts";
import { wait, within } from "../../concurrency/wait.ts";
import { BotDied, type BotRun, type TurnAnswer } from "../../ports/conversation/bot-runner.ts";

/** The error of a handler that has exceeded its time. */
export const timedOutCode = "BOT_TIMED_OUT";

/** The place of a running turn among those that may run at the same time. */
export interface TurnSlot {
  /** Leaves the place to another turn while `work` lasts. The turn's user still has no other turn. */
  rest<T>(work: () => Promise<T>): Promise<T>;
}

export interface HandlerLimits {
  /** How long a bot's handler may take before its turn counts as failed. */
  readonly handlerMsMax: number;
  /** How long after that its end is waited for, before the message is set aside and its user goes on. */
  readonly handlerEndMsMax: number;
}

/**
 * Asks the bot once. A handler that exceeds its time finds its turn sealed and `turn.signal` aborted. Its end is
 * waited for, so that it never runs twice at the same time. Rejects with the handler's error, `BotDied` included;
 * BOT_TIMED_OUT (retryable) once it has ended late; BOT_HANGS where it has not ended at all.
 */
export async function runHandler(
  name: string,
  begin: () => BotRun,
  {
    clock,
    limits,
    slot,
    signal,
    onLate,
  }: {
    readonly clock: Clock;
    readonly limits: HandlerLimits;
    readonly slot: TurnSlot;
    /** Aborts when the engine stops: from then on a late handler has as much time as any other. */
    readonly signal: AbortSignal;
    onLate(error: HoldfastError): void;
  },
): Promise<TurnAnswer> {
  const run = begin();
  const { answer } = run;
  if (!(answer instanceof Promise)) return answer;
  let late: HoldfastError | undefined;
  try {
    return await within(clock, limits.handlerMsMax, answer, () => {
      throw (late = timedOut(name, limits.handlerMsMax));
    });
  } catch (error) {
    run.end(error);
    if (late === undefined || error !== late) throw error;
    onLate(late);
    let death: BotDied | undefined;
    const last = answer.catch(
      (met: unknown) => void (death = met instanceof BotDied ? met : undefined),
    );
    const hasEnded = await slot.rest(() => endOf(last, clock, limits.handlerEndMsMax, signal));
    if (!hasEnded && !signal.aborted) throw hangs(name, limits);
    if (!hasEnded) await slot.rest(() => endOf(last, clock, limits.handlerMsMax));
    throw death ?? error;
  }
}

/** Whether the work ends within `ms`, and before `signal` aborts. */
async function endOf(
  work: Promise<unknown>,
  clock: Clock,
  ms: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const ended = new AbortController();
  const note = () => ended.abort();
  work.then(note, note);
  const either = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]);
  await wait(clock, ms, either);
  return ended.signal.aborted;
}

const timedOut = (name: string, msMax: number) =>
  new HoldfastError({
    code: timedOutCode,
    message: `The bot ${name} did not finish its turn within ${msMax} ms.`,
    next: "Give the calls that the handler waits for turn.signal, or a shorter time limit.",
    policy: "retryable",
  });

const hangs = (name: string, { handlerMsMax, handlerEndMsMax }: HandlerLimits) =>
  new HoldfastError({
    code: "BOT_HANGS",
    message: `A handler of the bot ${name} has not ended ${handlerMsMax + handlerEndMsMax} ms after it began.`,
    next: "Let the handler end when turn.signal aborts; restart the host, then replay the message.",
  });
