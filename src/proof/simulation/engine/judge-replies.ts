import {
  boundMs,
  type Ending,
  type JudgeBook,
  messageKey,
  replyKey,
  seconds,
} from "./judge-terms.ts";
import type { CommitItem } from "./sim-conversations.ts";
import type { Arrival } from "./sim-messenger.ts";

interface Expected {
  readonly session: string;
  readonly user: string;
  readonly text: string;
  readonly atMs: number;
  isOver: boolean;
  /** Its user was forgotten: it may arrive, if it was on its way. */
  isErased: boolean;
}

/** Judges what reaches people. */
export interface ReplyJudge {
  /** Replies are owed from now on. */
  committed(turn: CommitItem): void;
  arrived(account: string, arrival: Arrival): void;
  /** The replies of these sessions were erased. */
  erased(sessions: readonly string[]): void;
  end(found: Pick<Ending, "refused" | "blocked">): void;
}

export function createReplyJudge(book: JudgeBook): ReplyJudge {
  const { broke, nowMs, open, counts, messages, troubles } = book;
  const expected = new Map<string, Expected>();
  const newest = new Map<string, readonly [number, number]>();

  function judgeOrder(who: string, user: string, text: string): void {
    const [number, index] = text.split(".").map(Number) as [number, number];
    const [lastNumber, lastIndex] = newest.get(who) ?? [0, 0];
    newest.set(who, [number, index]);
    if (number > lastNumber || (number === lastNumber && index >= lastIndex)) return;
    const message = `the reply ${text} to ${user} arrived after ${lastNumber}.${lastIndex}`;
    broke({ invariant: "order", message });
  }

  return {
    committed({ account, chat_user: user, session_id: session, replies = [] }) {
      for (const { body: text } of replies) {
        const of = { session, user, text, atMs: nowMs(), isOver: false, isErased: false };
        expected.set(replyKey(account, text), of);
        open.add(replyKey(account, text));
      }
    },
    erased(sessions) {
      for (const [key, of] of expected) {
        if (of.isOver || !sessions.includes(of.session)) continue;
        of.isErased = true;
        open.delete(key);
      }
    },
    arrived(account, { chatUser: user, text }) {
      counts.replies += 1;
      const of = expected.get(replyKey(account, text));
      if (of === undefined || of.user !== user) {
        const message = `${user} got ${text}, which no turn of theirs has said`;
        return broke({ invariant: "session", message });
      }
      if (of.isOver) broke({ invariant: "once", message: `the reply ${text} arrived twice` });
      of.isOver = true;
      open.delete(replyKey(account, text));
      judgeOrder(`${account} ${user}`, user, text);
      const said = messages.get(messageKey(account, Number(text.split(".")[0])));
      const waitedMs = troubles.healthyMs(account, "reply", of.atMs, nowMs());
      if (said?.isBystander !== true || waitedMs <= boundMs) return;
      const message = `the reply ${text} to ${user} left ${seconds(waitedMs)} after its turn while nothing ailed its chat`;
      broke({ invariant: "rest", message });
    },
    end({ refused, blocked }) {
      for (const { account, user, text } of refused) {
        const of = expected.get(replyKey(account, text));
        if (of === undefined || of.isOver) continue;
        of.isOver = true;
        if (blocked.has(user)) continue;
        broke({ invariant: "given-up", message: `the reply ${text} to ${user} was given up` });
      }
      for (const { user, text, isOver, isErased } of expected.values()) {
        if (isOver || isErased) continue;
        broke({ invariant: "liveness", message: `the reply ${text} to ${user} never arrived` });
      }
    },
  };
}
