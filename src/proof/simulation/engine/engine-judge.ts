import type { Turn } from "../../../ports/conversation/bot.ts";
import type { CommitItem } from "./sim-conversations.ts";
import { messageOfTurn, type SeenState } from "./sim-bot.ts";
import type { Arrival, Key, SimMessenger } from "./sim-messenger.ts";

/** A rule of docs/simulation.md that a run of the engine has broken. */
export interface EngineViolation {
  readonly invariant:
    | "order"
    | "once"
    | "session"
    | "keys"
    | "waits"
    | "parked"
    | "given-up"
    | "rest"
    | "liveness";
  readonly message: string;
}

/** A message of a person, as the world knows it. */
export interface Said {
  readonly account: string;
  readonly user: string;
  readonly number: number;
  readonly atMs: number;
  /** Nothing ails its user or its chat in this run: it is one of the rest. */
  readonly isBystander: boolean;
  /** Why it may be set aside; empty: it may not. */
  readonly mayPark: readonly string[];
  /** It need not have its turn: it is behind one that cannot end, or Telegram does not give it any more. */
  mayVanish: boolean;
  takenMs: number | null;
}

/** What a trouble holds up: the taking of messages, the sending of replies, or both. */
export type Leg = "take" | "reply";

interface Trouble {
  /** null: every account. */
  readonly account: string | null;
  readonly legs: readonly Leg[];
  readonly fromMs: number;
  untilMs: number;
}

interface Expected {
  readonly account: string;
  readonly user: string;
  readonly text: string;
  readonly atMs: number;
  arrived: boolean;
}

interface Effect {
  readonly process: string;
  readonly epoch: number;
}

export interface EngineJudge {
  readonly violation: (EngineViolation & { readonly atMs: number }) | null;
  said(of: Omit<Said, "takenMs">): void;
  /** What these messages come to is nothing that can be demanded. */
  excuse(which: (said: Said) => boolean): void;
  /** Trouble of an account, or of all: waiting meanwhile is no fault of the engine. */
  troubled(of: { account?: string; legs?: readonly Leg[]; fromMs: number; untilMs: number }): void;
  asked(turn: Pick<Turn, "id">): number;
  /** `epoch`: under which its owner took the turn. */
  effect(turn: string, step: string, of: Effect): void;
  processEnded(process: string): void;
  committed(turn: CommitItem): void;
  arrived(account: string, arrival: Arrival): void;
  loggedOut(key: Key): void;
  broke(violation: EngineViolation): void;
  /** Whether an account is active that nothing but its updates could keep from serving. */
  serves(account: string, state: string, sinceMs: number): void;
  /** A fault begins. */
  faultBegins(): void;
  readonly underLoad: number;
  /** Every message and every reply has come to its end, if these are set aside and given up. */
  isOver(found: Pick<Ending, "parked" | "refused">): boolean;
  /** Judges what is left. */
  end(found: Ending): void;
  readonly counts: Readonly<Record<"messages" | "turns" | "replies" | "steps" | "parked", number>>;
}

/** The world as it is when a run is over. */
export interface Ending {
  readonly parked: readonly {
    readonly account: string;
    readonly number: number;
    readonly code: string;
  }[];
  readonly refused: readonly {
    readonly account: string;
    readonly user: string;
    readonly text: string;
  }[];
  /** Chats that Telegram has refused for good at some time. */
  readonly blocked: ReadonlySet<string>;
  /** How each account serves: the key of its slot, as the database has it. */
  readonly serving: readonly {
    readonly account: string;
    readonly state: string;
    readonly keyId: string | null;
  }[];
}

/** A healthy system takes a message, and sends a reply, within this. */
const boundMs = 8_000;
/** Runs of one handler for one message: what rests between them leaves no room for more. */
const runsMax = 60;

export function createEngineJudge(nowMs: () => number, messenger: () => SimMessenger): EngineJudge {
  let violation: EngineJudge["violation"] = null;
  const messages = new Map<string, Said>();
  const newest = new Map<string, number>();
  const seenIn = new Map<string, readonly number[]>();
  const expected = new Map<string, Expected>();
  const lastText = new Map<string, readonly [number, number]>();
  const effects = new Map<string, Effect>();
  const ended = new Set<string>();
  const runs = new Map<string, number>();
  const troubles: Trouble[] = [];
  const counts = { messages: 0, turns: 0, replies: 0, steps: 0, parked: 0 };
  let underLoad = 0;
  /** Messages without a turn, and replies that have not arrived. */
  const open = new Set<string>();
  const replyKey = (account: string, text: string): string => `${account} reply ${text}`;

  function broke({ invariant, message }: EngineViolation): void {
    violation ??= { invariant, message, atMs: nowMs() };
  }

  const keyOf = (account: string, number: number): string => `${account} ${number}`;

  /** Milliseconds between two times in which nothing was wrong. */
  function healthyMs(account: string, leg: Leg, fromMs: number, untilMs: number): number {
    let healthy = 0;
    let at = fromMs;
    const mine = troubles
      .filter((one) => one.legs.includes(leg) && (one.account === null || one.account === account))
      .toSorted((a, b) => a.fromMs - b.fromMs);
    for (const one of mine) {
      if (one.untilMs <= at) continue;
      if (one.fromMs >= untilMs) break;
      healthy += Math.max(0, one.fromMs - at);
      at = Math.max(at, one.untilMs);
    }
    return healthy + Math.max(0, untilMs - at);
  }

  function taken(said: Said): void {
    if (said.takenMs !== null) return;
    said.takenMs = nowMs();
    open.delete(keyOf(said.account, said.number));
    if (!said.isBystander) return;
    const waitedMs = healthyMs(said.account, "take", said.atMs, nowMs());
    if (waitedMs > boundMs) {
      broke({
        invariant: "rest",
        message: `message ${said.number} of ${said.user} waited ${seconds(waitedMs)} for its turn while nothing ailed its user`,
      });
    }
  }

  return {
    get violation() {
      return violation;
    },
    serves(account, state, sinceMs) {
      const healthy = healthyMs(account, "reply", sinceMs, nowMs());
      if (state.startsWith("active") || state === "cooling" || healthy < nowMs() - sinceMs) return;
      broke({
        invariant: "rest",
        message: `${account} is ${state} although only its updates rest`,
      });
    },
    faultBegins() {
      if (open.size > 0) underLoad += 1;
    },
    get underLoad() {
      return underLoad;
    },
    isOver({ parked, refused }) {
      const left = new Set(open);
      for (const { account, number } of parked) left.delete(keyOf(account, number));
      for (const { account, text } of refused) left.delete(replyKey(account, text));
      return left.size === 0;
    },
    counts,
    broke,
    said(of) {
      messages.set(keyOf(of.account, of.number), { ...of, takenMs: null });
      counts.messages += 1;
      if (!of.mayVanish) open.add(keyOf(of.account, of.number));
    },
    excuse(which) {
      for (const one of messages.values()) {
        if (one.mayVanish || !which(one)) continue;
        one.mayVanish = true;
        open.delete(keyOf(one.account, one.number));
      }
    },
    troubled({ account = null, legs = ["take", "reply"], fromMs, untilMs }) {
      troubles.push({ account, legs, fromMs, untilMs });
    },
    asked({ id }) {
      const times = (runs.get(id) ?? 0) + 1;
      runs.set(id, times);
      if (times > runsMax) {
        broke({ invariant: "once", message: `the handler ran ${times} times for ${id}` });
      }
      return times;
    },
    effect(turn, step, of) {
      counts.steps += 1;
      const said = messages.get(keyOf(accountOf(turn), messageOfTurn(turn)));
      const before = effects.get(`${turn} ${step}`);
      effects.set(`${turn} ${step}`, of);
      const isNewOwner = before !== undefined && before.epoch !== of.epoch;
      if (before !== undefined && !ended.has(before.process) && !isNewOwner) {
        broke({
          invariant: "once",
          message: `the step ${step} of ${turn} took effect twice, and no process had ended in between`,
        });
      }
      if (said !== undefined && said.takenMs !== null) {
        broke({
          invariant: "once",
          message: `the step ${step} of ${turn} took effect after its turn had`,
        });
      }
    },
    processEnded: (process) => void ended.add(process),
    committed(turn) {
      counts.turns += 1;
      const { account, chat_user: user, session_id: session } = turn;
      const number = messageOfTurn(turn.inbound_id);
      const said = messages.get(keyOf(account, number));
      const who = `${user} of ${account}`;
      if (said === undefined || said.user !== user) {
        return broke({
          invariant: "session",
          message: `a turn of ${who} for message ${number} of another`,
        });
      }
      if (said.takenMs !== null) {
        broke({ invariant: "once", message: `message ${number} of ${who} took effect twice` });
      }
      const before = newest.get(`${account} ${user}`) ?? 0;
      if (number < before) {
        broke({
          invariant: "order",
          message: `message ${number} of ${who} had its turn after ${before}`,
        });
      }
      newest.set(`${account} ${user}`, number);
      const bodies = (turn.replies ?? []).map(({ body }) => body);
      if (turn.was === "escalated" && bodies.length > 0) {
        broke({
          invariant: "session",
          message: `the bot answered ${number} of ${who} in a session of a person`,
        });
      }
      judgeSession(session, number, bodies.length > 0, turn.snapshot);
      taken(said);
      for (const text of bodies) {
        expected.set(`${account} ${text}`, { account, user, text, atMs: nowMs(), arrived: false });
        open.add(replyKey(account, text));
      }
    },
    arrived(account, { chatUser: user, text }) {
      counts.replies += 1;
      const of = expected.get(`${account} ${text}`);
      if (of === undefined || of.user !== user) {
        return broke({
          invariant: "session",
          message: `${user} got ${text}, which no turn of theirs has said`,
        });
      }
      if (of.arrived) broke({ invariant: "once", message: `the reply ${text} arrived twice` });
      open.delete(replyKey(account, text));
      of.arrived = true;
      const [number, index] = text.split(".").map(Number) as [number, number];
      const [lastNumber, lastIndex] = lastText.get(`${account} ${user}`) ?? [0, 0];
      if (number < lastNumber || (number === lastNumber && index < lastIndex)) {
        broke({
          invariant: "order",
          message: `the reply ${text} to ${user} arrived after ${lastNumber}.${lastIndex}`,
        });
      }
      lastText.set(`${account} ${user}`, [number, index]);
      const said = messages.get(keyOf(account, number));
      const waitedMs = healthyMs(account, "reply", of.atMs, nowMs());
      if (said?.isBystander === true && waitedMs > boundMs) {
        broke({
          invariant: "rest",
          message: `the reply ${text} to ${user} left ${seconds(waitedMs)} after its turn while nothing ailed its chat`,
        });
      }
    },
    loggedOut({ account, id }) {
      const others = [...messenger().keys.values()].filter(
        (key) => key.account === account && key.state === "authorised",
      );
      if (others.length > 0) return;
      broke({ invariant: "keys", message: `${account} logged out its last key ${id}` });
    },
    end(found) {
      judgeKeys(found);
      for (const { account, number, code } of found.parked) {
        const said = messages.get(keyOf(account, number));
        if (said === undefined) continue;
        counts.parked += 1;
        said.takenMs ??= nowMs();
        if (!said.mayPark.includes(code)) {
          broke({
            invariant: "parked",
            message: `message ${number} of ${said.user} was set aside for ${code}, and ${said.mayPark.join() || "nothing"} was expected`,
          });
        }
      }
      for (const { account, user, text } of found.refused) {
        const of = expected.get(`${account} ${text}`);
        if (of === undefined || of.arrived) continue;
        of.arrived = true;
        if (!found.blocked.has(user)) {
          broke({ invariant: "given-up", message: `the reply ${text} to ${user} was given up` });
        }
      }
      for (const said of messages.values()) {
        if (said.takenMs !== null || said.mayVanish) continue;
        broke({
          invariant: "liveness",
          message: `message ${said.number} of ${said.user} had no turn`,
        });
      }
      for (const { user, text, arrived } of expected.values()) {
        if (!arrived)
          broke({ invariant: "liveness", message: `the reply ${text} to ${user} never arrived` });
      }
    },
  };

  /** The bot's memory of a session is that of its turns in it, one after the other. */
  function judgeSession(session: string, number: number, isBots: boolean, snapshot: unknown): void {
    const before = seenIn.get(session) ?? [];
    const { seen = [] } = ((snapshot as { state?: SeenState } | null)?.state ??
      {}) as Partial<SeenState>;
    const after = isBots ? [...before, number] : before;
    seenIn.set(session, after);
    if (seen.join() === after.join()) return;
    broke({
      invariant: "session",
      message: `session ${session} remembers ${seen.join(" ")} after message ${number}, and its turns were ${after.join(" ")}`,
    });
  }

  function judgeKeys({ serving }: Ending): void {
    for (const { account, state, keyId } of serving) {
      const good = [...messenger().keys.values()].filter(
        (key) => key.account === account && key.state === "authorised",
      );
      const served = good.find(({ id }) => id === keyId);
      if (good.length === 0) broke({ invariant: "keys", message: `${account} has no key left` });
      else if (served === undefined || !state.startsWith("active")) {
        broke({
          invariant: "keys",
          message: `${account} is ${state} with key ${keyId}, and Telegram knows ${good.map(({ id }) => id).join(" ")}`,
        });
      } else if (good.length > 1) {
        const forgotten = good.filter(({ id }) => id !== keyId).map(({ id }) => id);
        broke({ invariant: "keys", message: `${account} has forgotten ${forgotten.join(" ")}` });
      }
    }
  }
}

const accountOf = (turn: string): string => turn.split(":")[1] ?? "";

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
