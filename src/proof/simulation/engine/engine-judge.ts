import { createKeyJudge, type KeyJudge } from "./judge-keys.ts";
import { createReplyJudge, type ReplyJudge } from "./judge-replies.ts";
import {
  type Ending,
  type EngineViolation,
  type JudgeBook,
  messageKey,
  replyKey,
  type Said,
} from "./judge-terms.ts";
import { createTurnJudge, type TurnJudge } from "./judge-turns.ts";
import type { SimMessenger } from "./sim-messenger.ts";
import { createTroubles, type Troubles } from "./troubles.ts";

/** Judges a run by the world's own records, and never by what the code under judgement says of itself. */
export interface EngineJudge
  extends Omit<TurnJudge, "committed">,
    Pick<ReplyJudge, "arrived" | "erased">,
    Pick<KeyJudge, "loggedOut" | "serves">,
    Pick<JudgeBook, "broke"> {
  readonly violation: (EngineViolation & { readonly atMs: number }) | null;
  readonly committed: TurnJudge["committed"];
  said(of: Omit<Said, "takenMs" | "goneMs">): void;
  /** What these messages come to is nothing that can be demanded. */
  excuse(which: (said: Said) => boolean): void;
  readonly troubled: Troubles["add"];
  /** A fault begins. */
  faultBegins(): void;
  /** Faults that came while messages or replies were open. */
  readonly underLoad: number;
  /** Every message and every reply has come to its end, if these are set aside and given up. */
  isOver(found: Pick<Ending, "parked" | "refused">): boolean;
  /** Judges what is left. */
  end(found: Ending): void;
  readonly counts: Readonly<JudgeBook["counts"]>;
}

export function createEngineJudge(nowMs: () => number, messenger: () => SimMessenger): EngineJudge {
  let violation: EngineJudge["violation"] = null;
  let underLoad = 0;
  const book: JudgeBook = {
    nowMs,
    messages: new Map(),
    open: new Set(),
    troubles: createTroubles(),
    counts: { messages: 0, turns: 0, replies: 0, steps: 0, parked: 0 },
    broke({ invariant, message }) {
      violation ??= { invariant, message, atMs: nowMs() };
    },
  };
  const { messages, open, counts, broke } = book;
  const turns = createTurnJudge(book);
  const replies = createReplyJudge(book);
  const keys = createKeyJudge(book, messenger);

  function judgeParked({ account, number, code }: Ending["parked"][number]): void {
    const said = messages.get(messageKey(account, number));
    if (said === undefined) return;
    counts.parked += 1;
    said.takenMs ??= nowMs();
    if (said.mayPark.includes(code)) return;
    const expected = said.mayPark.join() || "nothing";
    const message = `message ${number} of ${said.user} was set aside for ${code}, and ${expected} was expected`;
    broke({ invariant: "parked", message });
  }

  return {
    ...turns,
    arrived: replies.arrived,
    erased: replies.erased,
    loggedOut: keys.loggedOut,
    serves: keys.serves,
    broke,
    counts,
    troubled: book.troubles.add,
    get violation() {
      return violation;
    },
    get underLoad() {
      return underLoad;
    },
    committed(turn) {
      turns.committed(turn);
      replies.committed(turn);
    },
    said(of) {
      messages.set(messageKey(of.account, of.number), { ...of, goneMs: null, takenMs: null });
      counts.messages += 1;
      if (!of.mayVanish) open.add(messageKey(of.account, of.number));
    },
    excuse(which) {
      for (const one of messages.values()) {
        if (one.mayVanish || !which(one)) continue;
        one.mayVanish = true;
        open.delete(messageKey(one.account, one.number));
      }
    },
    faultBegins() {
      if (open.size > 0) underLoad += 1;
    },
    isOver({ parked, refused }) {
      const left = new Set(open);
      for (const { account, number } of parked) left.delete(messageKey(account, number));
      for (const { account, text } of refused) left.delete(replyKey(account, text));
      return left.size === 0;
    },
    end(found) {
      keys.end(found);
      for (const one of found.parked) judgeParked(one);
      for (const said of messages.values()) {
        if (said.takenMs !== null || said.mayVanish) continue;
        const message = `message ${said.number} of ${said.user} had no turn`;
        broke({ invariant: "liveness", message });
      }
      replies.end(found);
    },
  };
}
