import type { Clock } from "../../concurrency/clock.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";

/** Whose conversation it is. */
type Talker = Pick<InboundItem, "channel" | "account" | "chatUser">;

export interface BrakeOptions {
  /** Answered turns without a pause after which a conversation rests. */
  readonly turnsMax: number;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** A conversation begins to rest, the first time in a while. */
  onBraked(of: Talker): void;
}

/**
 * Slows down a conversation of two programs that answer each other. Such a one goes on without a
 * pause: each message comes right after the answer before it. A person reads first. A text that
 * arrives while an earlier message of its user waits or runs answers nothing, so a burst of
 * messages does not count. A button is pressed by people alone. Nothing is lost: the messages wait.
 * In memory, for one owner's epoch.
 */
export interface Brake {
  /** @param isIdle no earlier message of this user waits or runs */
  arrived(item: Pick<InboundItem, keyof Talker | "kind">, isIdle: boolean): void;
  /** The turn was committed with a reply. */
  answered(of: Talker): void;
  /** How long the next turn of this user is to wait yet, in milliseconds; 0 for not at all. */
  restMs(of: Talker): number;
}

/** A person takes longer to read an answer and to write the next message, at least now and then. */
const pauseMs = 2_000;
const firstRestMs = 5_000;
const restMsMax = 300_000;
/** A conversation that has rested goes on in runs of so many turns. */
const turnsAfterRest = 5;
/** A conversation that was quiet for so long after its rest is as any other. */
const forgottenAfterMs = 600_000;

/** The longest turn between a message and its answer. */
const turnMsMax = 120_000;

interface Run {
  readonly turns: number;
  /** Of the last answer, or of the message that came right after it. */
  readonly seenMs: number;
  /** A message came right after the last answer, and has none yet. */
  readonly isAsked: boolean;
}

interface Rest {
  readonly lengthMs: number;
  readonly untilMs: number;
}

export function createBrake({ turnsMax, clock, onBraked }: BrakeOptions): Brake {
  /** Conversations without a pause so far, the one that was seen last at the end. */
  const runs = new Map<string, Run>();
  /** In the order of their rests. */
  const rests = new Map<string, Rest>();

  function forgetOld(nowMs: number): void {
    for (const [key, { seenMs, isAsked }] of runs) {
      if (nowMs - seenMs < pauseMs) break;
      if (!isAsked || nowMs - seenMs >= turnMsMax) runs.delete(key);
    }
    for (const [key, { untilMs }] of rests) {
      if (nowMs - untilMs < forgottenAfterMs) break;
      rests.delete(key);
    }
  }

  function rest(key: string, of: Talker): void {
    const before = rests.get(key);
    const lengthMs = before === undefined ? firstRestMs : Math.min(before.lengthMs * 2, restMsMax);
    rests.delete(key);
    rests.set(key, { lengthMs, untilMs: clock.monotonicMs() + lengthMs });
    runs.delete(key);
    if (before === undefined) onBraked(of);
  }

  return {
    arrived(item, isIdle) {
      const key = keyOf(item);
      const run = runs.get(key);
      if (run === undefined || !isIdle) return;
      const seenMs = clock.monotonicMs();
      runs.delete(key);
      if (item.kind !== "text" || seenMs - run.seenMs >= pauseMs) return;
      const turns = run.turns + 1;
      if (turns >= (rests.has(key) ? turnsAfterRest : turnsMax)) rest(key, item);
      else runs.set(key, { turns, seenMs, isAsked: true });
    },
    answered(of) {
      const key = keyOf(of);
      const run = runs.get(key);
      const seenMs = clock.monotonicMs();
      runs.delete(key);
      runs.set(key, { turns: run?.isAsked === true ? run.turns : 0, seenMs, isAsked: false });
      forgetOld(seenMs);
    },
    restMs: (of) => Math.max(0, (rests.get(keyOf(of))?.untilMs ?? 0) - clock.monotonicMs()),
  };
}

const keyOf = ({ channel, account, chatUser }: Talker): string =>
  `${channel}\n${account}\n${chatUser}`;
