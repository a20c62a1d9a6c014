import { delayMsAfter, isEndOfClient, isFlood, isTokenLost } from "../channels/telegram/faults.ts";
import type { CursorWork } from "../channels/telegram/work.ts";
import type { Clock } from "../concurrency/clock.ts";
import { wait } from "../concurrency/wait.ts";
import type { EventSink } from "../ports/accounts/event-sink.ts";
import { faultReason } from "../ports/telegram/telegram-error.ts";

/** Fills the gap in the account's updates beside its service. */
export interface GapFilling {
  /** Resolves when the updates up to now are stored, and pushes are followed; never where it ends before. */
  readonly filled: Promise<void>;
  /** Once only. */
  begin(): void;
  /** The connection is back: a rest ends, unless Telegram ordered it. */
  goOn(): void;
  /** Begins nothing more. Resolves when what was begun has ended; never rejects. */
  stop(): Promise<void>;
}

export interface GapFillingOptions {
  readonly account: string;
  readonly cursor: Pick<CursorWork, "start">;
  readonly clock: Clock;
  readonly events: EventSink;
  /** The token is not ours any more: this work has stopped. */
  onTokenLost(): void;
}

/**
 * A fault rests this work alone: as long as Telegram said, else ever longer. The cursor has kept what it stored, so the
 * next attempt goes on from there, and the pushes that come meanwhile wait behind the gap.
 */
export function createGapFilling(options: GapFillingOptions): GapFilling {
  const { account, cursor, clock, events, onTokenLost } = options;
  const stopped = new AbortController();
  let rest = new AbortController();
  let filling: Promise<void> = Promise.resolve();
  const { promise: filled, resolve: tellFilled } = Promise.withResolvers<void>();

  async function restAfter(error: unknown, failures: number): Promise<void> {
    const { code, message } = faultReason(error);
    const text = `will be tried again: ${code}: ${message}`;
    events.report({ type: "note", account, code: "UPDATES_DELAYED", message: text });
    rest = new AbortController();
    const ends = isFlood(error) ? [stopped.signal] : [stopped.signal, rest.signal];
    await wait(clock, delayMsAfter(error, failures), AbortSignal.any(ends));
  }

  async function fill(): Promise<void> {
    for (let failures = 0; !stopped.signal.aborted; failures += 1) {
      try {
        await cursor.start();
        if (!stopped.signal.aborted) tellFilled();
        return;
      } catch (error) {
        // The end of a client is told at its source.
        if (stopped.signal.aborted || isEndOfClient(error)) return;
        if (isTokenLost(error)) return onTokenLost();
        await restAfter(error, failures);
      }
    }
  }

  return {
    filled,
    begin() {
      filling = fill();
    },
    goOn: () => rest.abort(),
    stop() {
      stopped.abort();
      return filling;
    },
  };
}
