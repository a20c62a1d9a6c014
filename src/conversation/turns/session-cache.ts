import type { ConversationRules } from "../../../machines/conversation-rules.ts";
import type { Clock } from "../../concurrency/clock.ts";
import { sessionAfter, type SessionHead } from "./session-after.ts";
import {
  type ConversationKey,
  type ConversationStore,
  historyMessages,
  historyToolOutputs,
  type LoadedSession,
  type ProgressUpdate,
  type StoredMessage,
  type StoredToolOutput,
  type TurnRecord,
  type TurnReply,
  type UserContext,
} from "../../ports/conversation/conversation-store.ts";
import { storableJson } from "../../ports/conversation/storable-text.ts";
import { mayBeTaken, noneTaken, takenAfter, type TakenIds } from "./taken-ids.ts";

export interface HotLimits {
  /** Largest number of characters in memory; the conversations idle for longest go first. */
  readonly charactersMax: number;
  /**
   * A conversation idle for this long is forgotten at the next turn of any user, in milliseconds.
   */
  readonly restMsMax: number;
}
type Store = Pick<ConversationStore, "load" | "commit">;

/** One text takes a fraction of the memory of the objects that it becomes. */
type Json = string;

/**
 * The messages of one turn: number of the first, the user's message if that is the first, and the
 * replies.
 */
type Said = readonly [seq: number, asked: Asked | null, ...replies: (string | TurnReply)[]];
type Asked = string | Pick<StoredMessage, "body" | "media">;
/** The tool outputs of one turn. */
type Recorded = readonly (readonly [seq: number, name: string, output: unknown])[];

/** A session as it is remembered. */
interface Packed extends SessionHead, TakenIds {
  readonly context: Json | null;
  readonly progress: Json | null;
  readonly snapshot: Json;
  /**
   * `Said`s, oldest first; together at least as many messages as a turn is given. One text for each turn: a turn adds
   * one and drops one, and the others stay where they are in memory.
   */
  readonly said: readonly Json[];
  /** `Recorded`s of as many turns as there may be tool outputs at most, oldest first. */
  readonly recorded: readonly Json[];
  /** Characters of all of it. */
  readonly size: number;
  readonly atMs: number;
}

const defaultLimits: HotLimits = { charactersMax: 8 * 1024 * 1024, restMsMax: 600_000 };

/**
 * Remembers conversations between their turns, so that a turn of an active user reads nothing.
 * Valid for one owner's epoch: no other node commits these turns. Still, a commit is refused where
 * a session has moved, ended, or changed its status or its owner. After a refusal or an unknown
 * outcome the conversation is forgotten and read anew.
 */
export function createHotConversations(
  store: Store,
  clock: Pick<Clock, "monotonicMs" | "now">,
  rules: ConversationRules,
  limits: HotLimits = defaultLimits,
): Store & { readonly size: number } {
  /** In the order of their last turn. */
  const hot = new Map<string, Packed>();
  let characters = 0;

  function forget(key: string): void {
    const packed = hot.get(key);
    if (packed === undefined) return;
    characters -= packed.size;
    hot.delete(key);
  }

  function keep(key: string, packed: Packed): void {
    characters += packed.size;
    hot.set(key, packed);
    for (const [oldest, one] of hot) {
      if (packed.atMs - one.atMs <= limits.restMsMax && characters <= limits.charactersMax) break;
      forget(oldest);
    }
  }

  return {
    get size() {
      return hot.size;
    },
    async load(key, inactiveAfterMs) {
      const found = hot.get(textOf(key));
      const restsMsMax = Math.min(limits.restMsMax, inactiveAfterMs);
      if (found === undefined || clock.monotonicMs() - found.atMs >= restsMsMax) {
        return store.load(key, inactiveAfterMs);
      }
      // It comes again, or may have before: the store knows.
      return mayBeTaken(found, key) ? store.load(key, inactiveAfterMs) : new HotSession(found);
    },
    async commit(turn, claim, grant) {
      const key = textOf(turn);
      // While the outcome is open, the remembered session is unavailable.
      forget(key);
      const outcome = await store.commit(turn, claim, grant);
      if (outcome !== "committed" && outcome !== "claimed") return outcome;
      const { session } = turn;
      const head = sessionAfter(rules, session, turn);
      if (head !== null) {
        const nowMs = clock.now();
        const before = session instanceof HotSession ? session.packed : pack(session, nowMs);
        const ids = takenAfter(before, turn.inboundId, nowMs);
        keep(key, packedAfter({ ...before, ...ids }, head, turn, clock.monotonicMs()));
      }
      return outcome;
    },
  };
}

const textOf = ({ channel, account, chatUser }: ConversationKey): string =>
  `${channel} ${account} ${chatUser}`;

/** Without the first ones, and with one more. */
const moved = (texts: readonly Json[], dropped: number, text: Json): readonly Json[] =>
  (dropped === 0 ? texts : texts.slice(dropped)).concat(text);

const parseAll = (texts: readonly Json[]): unknown => JSON.parse(`[${texts.join(",")}]`);

const lengthOf = (texts: readonly Json[]): number =>
  texts.reduce((length, text) => length + text.length, 0);

function addMessages(messages: StoredMessage[], [first, asked, ...replies]: Said): void {
  let seq = first;
  if (asked !== null) {
    messages.push(
      typeof asked === "string"
        ? { seq, role: "user", body: asked, menu: null }
        : { seq, role: "user", menu: null, ...asked },
    );
    seq += 1;
  }
  for (const reply of replies) {
    const { body, menu, by } = typeof reply === "string" ? bare(reply) : reply;
    messages.push({ seq, role: by ?? "bot", body, menu });
    seq += 1;
  }
}

const bare = (body: string): TurnReply => ({ body, menu: null });

const askedOf = ({ body, media }: Pick<StoredMessage, "body" | "media">): Asked =>
  media === undefined ? body : { body, media };

const recordedText = (outputs: readonly StoredToolOutput[]): Json =>
  storableJson(outputs.map(({ seq, name, output }) => [seq, name, output]) satisfies Recorded);

function saidText(seq: number, asked: Asked | null, replies: readonly TurnReply[]): Json {
  const short = replies.map(({ body, menu, by }) => {
    if (by !== undefined) return { body, menu, by };
    return menu === null ? body : { body, menu };
  });
  return storableJson([seq, asked, ...short] satisfies Said);
}

/**
 * A remembered session. Fields are parsed on access, never kept: a parsed session would survive
 * until its commit and be copied by the collector.
 */
class HotSession implements LoadedSession {
  readonly id: string;
  readonly decision: LoadedSession["decision"];
  readonly status: LoadedSession["status"];
  readonly turns: number;
  readonly lastSeq: number;
  readonly packed: Packed;

  constructor(packed: Packed) {
    this.id = packed.id;
    this.decision = packed.decision;
    this.status = packed.status;
    this.turns = packed.turns;
    this.lastSeq = packed.lastSeq;
    this.packed = packed;
  }

  get snapshot(): unknown {
    return JSON.parse(this.packed.snapshot);
  }

  get context(): UserContext | null {
    const { context } = this.packed;
    return context === null ? null : (JSON.parse(context) as UserContext);
  }

  get progress(): ProgressUpdate | null {
    const { progress } = this.packed;
    return progress === null ? null : (JSON.parse(progress) as ProgressUpdate);
  }

  get messages(): readonly StoredMessage[] {
    const messages: StoredMessage[] = [];
    for (const said of parseAll(this.packed.said) as Said[]) addMessages(messages, said);
    return messages.length > historyMessages ? messages.slice(-historyMessages) : messages;
  }

  get toolOutputs(): readonly StoredToolOutput[] {
    return (parseAll(this.packed.recorded) as Recorded[])
      .flat()
      .slice(-historyToolOutputs)
      .map(([seq, name, output]) => ({ seq, name, output }));
  }
}

/** The loaded session, packed: one text for the messages from one of the user's to the next. */
function pack(session: LoadedSession, nowMs: number): Packed {
  const { id, decision, status, turns, lastSeq, toolOutputs } = session;
  const said = byTurn(session.messages).map((turn) => {
    const [first] = turn;
    const asked = first!.role === "user" ? askedOf(first!) : null;
    return saidText(first!.seq, asked, (asked === null ? turn : turn.slice(1)).map(replyOf));
  });
  const texts = {
    snapshot: storableJson(session.snapshot),
    context: session.context && storableJson(session.context),
    progress: session.progress && storableJson(session.progress),
    said,
    recorded: toolOutputs.map((output) => recordedText([output])),
  };
  // Replaced as soon as the turn is committed: its size counts nowhere.
  const ids = noneTaken(decision, nowMs);
  return { id, decision, status, turns, lastSeq, ...texts, ...ids, size: 0, atMs: 0 };
}

const replyOf = ({ role, body, menu }: StoredMessage): TurnReply =>
  role === "person" ? { body, menu, by: role } : { body, menu };

/** The first may lack its beginning, and what a person said stands after a gap of its own. */
function byTurn(messages: readonly StoredMessage[]): readonly (readonly StoredMessage[])[] {
  const turns: StoredMessage[][] = [];
  for (const message of messages) {
    const turn = turns.at(-1);
    const follows = turn?.at(-1)?.seq === message.seq - 1;
    if (turn === undefined || message.role === "user" || !follows) turns.push([message]);
    else turn.push(message);
  }
  return turns;
}

/** The session as the store would load it after the turn; its ids are those of `before`. */
function packedAfter(before: Packed, head: SessionHead, turn: TurnRecord, atMs: number): Packed {
  const { session, text, media, replies, toolOutputs, progress } = turn;
  const { id, decision, status, turns, lastSeq } = head;
  const asked = media === undefined ? text : { body: text, media };
  const surplus = surplusOf(before.said, lastSeq - historyMessages + 1);
  const said = moved(before.said, surplus, saidText(session.lastSeq + 1, asked, replies));
  // As the database gives it back.
  const snapshot = storableJson(turn.snapshot ?? null);
  const context = turn.context && storableJson(turn.context);
  const report = progress === undefined ? before.progress : progressText(progress);
  const recorded = recordedAfter(before, toolOutputs);
  const { taken, takenSinceMs, halfSinceMs } = before;
  const alone =
    snapshot.length +
    (context === null ? 0 : context.length) +
    (report === null ? 0 : report.length);
  return {
    id,
    decision,
    status,
    turns,
    lastSeq,
    snapshot,
    context,
    progress: report,
    said,
    recorded,
    taken,
    takenSinceMs,
    halfSinceMs,
    size: alone + lengthOf(said) + lengthOf(recorded),
    atMs,
  };
}

const progressText = (progress: ProgressUpdate | "end"): Json | null =>
  progress === "end" ? null : storableJson(progress);

/** Each text holds at least one tool output. */
function recordedAfter(
  { recorded }: Packed,
  toolOutputs: readonly StoredToolOutput[],
): readonly Json[] {
  if (toolOutputs.length === 0) return recorded;
  const surplus = recorded.length - historyToolOutputs + 1;
  return moved(recorded, Math.max(0, surplus), recordedText(toolOutputs));
}

const comma = 0x2c;
const zero = 0x30;

/** How many texts at the beginning hold only messages before `seq`. A text begins with its first number: `[12,`. */
function surplusOf(said: readonly Json[], seq: number): number {
  let surplus = 0;
  while (surplus + 1 < said.length && firstSeq(said[surplus + 1]!) <= seq) surplus += 1;
  return surplus;
}

function firstSeq(said: Json): number {
  let seq = 0;
  for (let at = 1; said.charCodeAt(at) !== comma; at += 1) {
    seq = seq * 10 + said.charCodeAt(at) - zero;
  }
  return seq;
}
