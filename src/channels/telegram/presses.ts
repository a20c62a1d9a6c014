import type { Clock } from "../../concurrency/clock.ts";
import type { AccountUpdate } from "../../ports/telegram/telegram.ts";

/** A press of a button, as Telegram tells it. */
export type Press = Extract<AccountUpdate, { kind: "tap" }>;

/**
 * Tells a press that means something of its own from one that repeats another. Telegram gives each press a query id,
 * also where a person taps twice in haste, or taps again because nothing happened. So a press repeats another one of
 * the same choice that Telegram has no answer to yet, or had one just before. Any later press is one of its own.
 */
export interface Presses {
  /** The query id that the press goes by: its own, or that of the press that it repeats. */
  nameOf(press: Press): string;
  /** Telegram has the answer to this press, or has refused it. */
  answered(press: Press): void;
}

/** A second tap in haste comes within it. */
const hasteMs = 1000;
/** Choices remembered at most; the oldest are forgotten, and a press of theirs counts as one of its own. */
const openMax = 1000;

interface Open {
  readonly queryId: string;
  /** How many presses of it wait for their answer. */
  readonly waiting: Set<string>;
  answeredMs: number;
}

export function createPresses(clock: Pick<Clock, "monotonicMs">): Presses {
  /** By user, message and choice, in the order of the first press. */
  const open = new Map<string, Open>();

  const isOver = ({ waiting, answeredMs }: Open): boolean =>
    waiting.size === 0 && clock.monotonicMs() - answeredMs >= hasteMs;

  function forgetOld(): void {
    for (const [key, one] of open) {
      if (open.size <= openMax && !isOver(one)) return;
      open.delete(key);
    }
  }

  return {
    nameOf(press) {
      const key = keyOf(press);
      const known = open.get(key);
      if (known !== undefined && !isOver(known)) {
        known.waiting.add(press.queryId);
        return known.queryId;
      }
      const { queryId } = press;
      open.delete(key);
      open.set(key, { queryId, waiting: new Set([queryId]), answeredMs: 0 });
      forgetOld();
      return queryId;
    },
    answered(press) {
      const known = open.get(keyOf(press));
      if (known === undefined || !known.waiting.delete(press.queryId)) return;
      known.answeredMs = clock.monotonicMs();
    },
  };
}

const keyOf = ({ peer, messageId, data }: Press): string => `${peer.userId} ${messageId} ${data}`;
