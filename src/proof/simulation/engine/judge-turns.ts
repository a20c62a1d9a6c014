import type { Turn } from "../../../ports/conversation/bot.ts";
import type { ItemName } from "../../../ports/conversation/inbound-stream.ts";
import { boundMs, type JudgeBook, messageKey, type Said, seconds } from "./judge-terms.ts";
import { messageOfTurn, type SeenState } from "./sim-bot.ts";
import type { CommitItem } from "./sim-conversations.ts";

/** Who makes a call to the outside. `epoch`: under which its owner took the turn. */
export interface Caller {
  readonly process: string;
  readonly epoch: number;
}

/** Judges what bots do, and what is committed of it. */
export interface TurnJudge {
  /** A handler begins. Answers how often this turn's has begun. `isOwned`: by the owner of its users. */
  asked(turn: Pick<Turn, "id">, isOwned: boolean): number;
  /** A message was set aside. */
  setAside(item: ItemName): void;
  /** These messages count as taken: their user was forgotten. */
  takenAway(items: readonly Pick<ItemName, "account" | "inboundId">[]): void;
  /** The store knows no outcome of this step: the process may make it. */
  mayCall(turn: string, step: string, process: string): void;
  /** A call sets out. */
  calls(turn: string, step: string, by: Caller): void;
  /** It takes effect, however much later. */
  effect(turn: string, step: string, by: Caller): void;
  processEnded(process: string): void;
  /**
   * The database gives a statement with these turns up. Those beside them wait until it has, once for each message that
   * it cannot write.
   */
  stuck(turns: readonly CommitItem[]): void;
  committed(turn: CommitItem): void;
}

/** Runs of one handler for one message: what rests between them leaves no room for more. */
const runsMax = 60;

/** An answer of the store is at its asker, and the call sets out. */
const wayMsMax = 10;
/** A session that was loaded before its user was forgotten is with its handler, however slow the answer. */
const givenMsMax = 6_000;

/** A statement is given up, and what was beside is written. */
const givenUpMs = 22_000;

export function createTurnJudge(book: JudgeBook): TurnJudge {
  const { broke, messages, counts, open } = book;
  const aside = new Set<string>();
  const newest = new Map<string, number>();
  const judgeSession = createSessionJudge(book);
  const effects = new Map<string, Caller>();
  const ended = new Set<string>();
  const outside = createOutside(book, ended);
  const runs = new Map<string, number>();
  /** Messages that have held up others. */
  const known = new Set<string>();

  function judgeOrder(turn: CommitItem, number: number, said: Said): void {
    const who = whoOf(turn);
    if (said.goneMs !== null) {
      broke({
        invariant: "once",
        message: `message ${number} of ${who} took effect, and it was forgotten`,
      });
    }
    if (said.takenMs !== null) {
      broke({ invariant: "once", message: `message ${number} of ${who} took effect twice` });
    }
    const before = newest.get(who) ?? 0;
    if (number < before) {
      const message = `message ${number} of ${who} had its turn after ${before}`;
      broke({ invariant: "order", message });
    }
    newest.set(who, number);
  }

  return {
    asked({ id }, isOwned) {
      const times = (runs.get(id) ?? 0) + 1;
      runs.set(id, times);
      const said = saidIn(book, id);
      const goneMs = said?.goneMs ?? Number.POSITIVE_INFINITY;
      if (times > 1 && book.nowMs() > goneMs + givenMsMax) {
        broke({
          invariant: "once",
          message: `the handler ran again for ${id}, which was forgotten`,
        });
      }
      if (isOwned && aside.has(id)) {
        broke({ invariant: "once", message: `the handler ran for ${id}, which was set aside` });
      }
      if (times > runsMax) {
        broke({ invariant: "once", message: `the handler ran ${times} times for ${id}` });
      }
      return times;
    },
    setAside({ channel, account, inboundId }) {
      aside.add(`${channel}:${account}:${inboundId}`);
    },
    takenAway(items) {
      for (const { account, inboundId } of items) {
        const key = messageKey(account, messageOfTurn(inboundId));
        const said = messages.get(key);
        if (said === undefined || said.takenMs !== null) continue;
        said.mayVanish = true;
        said.goneMs ??= book.nowMs();
        open.delete(key);
      }
    },
    mayCall: outside.mayCall,
    calls: outside.calls,
    effect(turn, step, by) {
      counts.steps += 1;
      const what = `the step ${step} of ${turn} took effect`;
      const before = effects.get(`${turn} ${step}`);
      effects.set(`${turn} ${step}`, by);
      const isNewOwner = before !== undefined && before.epoch !== by.epoch;
      if (before !== undefined && !ended.has(before.process) && !isNewOwner) {
        broke({ invariant: "once", message: `${what} twice, and no process had ended in between` });
      }
      outside.arrives(turn, step, by);
    },
    processEnded(process) {
      ended.add(process);
    },
    stuck(turns) {
      for (const { account, inbound_id: inboundId } of turns) {
        const key = messageKey(account, messageOfTurn(inboundId));
        if (known.has(key)) continue;
        known.add(key);
        const [fromMs, untilMs] = [book.nowMs(), book.nowMs() + givenUpMs];
        book.troubles.add({ fromMs, untilMs, legs: ["take"] });
      }
    },
    committed(turn) {
      counts.turns += 1;
      const number = messageOfTurn(turn.inbound_id);
      const said = messages.get(messageKey(turn.account, number));
      if (said === undefined || said.user !== turn.chat_user) {
        const message = `a turn of ${whoOf(turn)} for message ${number} of another`;
        return broke({ invariant: "session", message });
      }
      judgeOrder(turn, number, said);
      const isBots = (turn.replies ?? []).length > 0;
      if (turn.was === "escalated" && isBots) {
        const message = `the bot answered ${number} of ${whoOf(turn)} in a session of a person`;
        broke({ invariant: "session", message });
      }
      judgeSession(turn, number, isBots);
      taken(book, said);
    },
  };
}

/** The bot's memory of a session is that of its turns in it, one after the other. */
function createSessionJudge({ broke }: Pick<JudgeBook, "broke">) {
  const seenIn = new Map<string, readonly number[]>();
  return ({ session_id: session, snapshot }: CommitItem, number: number, isBots: boolean): void => {
    const before = seenIn.get(session) ?? [];
    const kept = (snapshot as { readonly state?: SeenState } | null)?.state;
    const seen = kept?.seen ?? [];
    const after = isBots ? [...before, number] : before;
    seenIn.set(session, after);
    if (seen.join() === after.join()) return;
    const message = `session ${session} remembers ${seen.join(" ")} after message ${number}, and its turns were ${after.join(" ")}`;
    broke({ invariant: "session", message });
  };
}

/**
 * The calls to the outside. A former owner's call may take effect after the turn of the new one: a call that is on its
 * way cannot be called back, and the new owner waits for it no longer than a handler may take. What is in production's
 * hand is judged instead. Each call sets out by the store's leave, which is of its own, and which the store gave before
 * the turn took effect. And the one who is called knows all calls of a turn by one key, so that the second is none.
 * Only a kill may come between two names of a call: a new process knows nothing of one that was not kept.
 */
function createOutside({ broke, messages, nowMs }: JudgeBook, ended: ReadonlySet<string>) {
  const leaves = new Map<string, number[]>();
  /** By turn: what the outside has of it, and from whom. */
  const ledger = new Map<string, { readonly step: string; readonly process: string }>();

  return {
    mayCall(turn: string, step: string, process: string): void {
      const key = `${turn} ${step} ${process}`;
      leaves.set(key, [...(leaves.get(key) ?? []), nowMs()]);
    },
    calls(turn: string, step: string, { process }: Caller): void {
      const leftMs = leaves.get(`${turn} ${step} ${process}`)?.pop();
      const what = `the step ${step} of ${turn} was called for`;
      if (leftMs === undefined || nowMs() > leftMs + wayMsMax) {
        return broke({ invariant: "once", message: `${what} without the leave of the store` });
      }
      const { takenMs = null, goneMs = null } = saidIn({ messages }, turn) ?? {};
      if (leftMs > (goneMs ?? takenMs ?? Number.POSITIVE_INFINITY)) {
        broke({ invariant: "once", message: `${what} after its turn had taken effect` });
      }
    },
    arrives(turn: string, step: string, { process }: Caller): void {
      const known = ledger.get(turn);
      ledger.set(turn, { step, process });
      if (known === undefined || known.step === step || ended.has(known.process)) return;
      const message = `${turn} has two effects outside, ${known.step} and ${step}`;
      broke({ invariant: "once", message });
    },
  };
}

const saidIn = ({ messages }: Pick<JudgeBook, "messages">, turn: string): Said | undefined =>
  messages.get(messageKey(turn.split(":")[1] ?? "", messageOfTurn(turn)));

const whoOf = ({ chat_user: user, account }: CommitItem): string => `${user} of ${account}`;

function taken({ open, troubles, nowMs, broke }: JudgeBook, said: Said): void {
  if (said.takenMs !== null) return;
  said.takenMs = nowMs();
  open.delete(messageKey(said.account, said.number));
  if (!said.isBystander) return;
  const waitedMs = troubles.healthyMs(said.account, "take", said.atMs, nowMs());
  if (waitedMs <= boundMs) return;
  const message = `message ${said.number} of ${said.user} waited ${seconds(waitedMs)} for its turn while nothing ailed its user`;
  broke({ invariant: "rest", message });
}
