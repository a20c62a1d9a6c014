import type { Clock } from "../ports/clock.ts";
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
} from "../ports/conversation-store.ts";
import { storableJson } from "../ports/storable-text.ts";

export interface HotLimits {
  /** Characters that are remembered altogether; the conversations that have rested longest go first. */
  readonly charactersMax: number;
  /** A conversation that rests for this long is forgotten at the next turn of anybody, in milliseconds. */
  readonly restMsMax: number;
}
type Store = Pick<ConversationStore, "load" | "commit">;

/**
 * JSON: one text takes a fraction of the memory of the objects that it becomes. Several are one text with `,` and a line
 * break between them, which no JSON of one line holds.
 */
type Json = string;

/** The messages of one turn: number of the first, what the user said if that is the first, and the replies. */
type Said = readonly [seq: number, asked: Asked | null, ...replies: (string | TurnReply)[]];
type Asked = string | Pick<StoredMessage, "body" | "media">;

/** A session as it is remembered: read only when somebody asks for it. */
interface Packed extends Pick<LoadedSession, "id" | "decision" | "status" | "turns" | "lastSeq"> {
  readonly context: Json | null;
  readonly progress: Json | null;
  readonly snapshot: Json;
  /** `Said`s, oldest first; together at least as many messages as a turn is given. */
  readonly said: Json;
  /** The tool outputs of one turn each, oldest first; of so many turns. */
  readonly recorded: Json;
  readonly recordedTurns: number;
  /** Characters of all of it. */
  readonly size: number;
  readonly atMs: number;
}

const defaultLimits: HotLimits = { charactersMax: 8 * 1024 * 1024, restMsMax: 600_000 };

/**
 * Remembers conversations between their turns, so that a turn of somebody who talks reads nothing. For one owner's
 * epoch: nobody else commits their turns, and a commit is refused where a session has moved, ended, changed its status
 * or its owner all the same. What was refused, or has an unknown outcome, is forgotten and read anew.
 */
export function createHotConversations(
  store: Store,
  clock: Pick<Clock, "monotonicMs">,
  limits: HotLimits = defaultLimits,
): Store & { readonly size: number } {
  /** In the order of their last turn. */
  const hot = new Map<string, Packed>();
  /** What the sessions that were given out were made of. */
  const sources = new WeakMap<LoadedSession, Packed>();
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
      const session = unpack(found);
      sources.set(session, found);
      return session;
    },
    async commit(turn, claim, grant) {
      const key = textOf(turn);
      // While its outcome is open, what was remembered is not to be had.
      forget(key);
      const outcome = await store.commit(turn, claim, grant);
      const isCommitted = outcome === "committed" || outcome === "claimed";
      if (isCommitted && turn.status !== "ended") {
        const before = sources.get(turn.session) ?? pack(turn.session);
        keep(key, packedAfter(before, turn, clock.monotonicMs()));
      }
      return outcome;
    },
  };
}

const textOf = ({ channel, account, chatUser }: ConversationKey): string =>
  `${channel} ${account} ${chatUser}`;

const separator = ",\n";

const joined = (texts: readonly Json[]): Json =>
  texts.filter((text) => text !== "").join(separator);

const parseAll = (text: Json): unknown => JSON.parse(`[${text}]`);

/** With its size. */
const sized = (packed: Omit<Packed, "size">): Packed => ({
  ...packed,
  size:
    packed.snapshot.length +
    (packed.context?.length ?? 0) +
    (packed.progress?.length ?? 0) +
    packed.said.length +
    packed.recorded.length,
});

function messagesOf([first, asked, ...replies]: Said): readonly StoredMessage[] {
  const message = typeof asked === "string" ? { body: asked } : asked;
  const said =
    message === null ? [] : [{ seq: first, role: "user", menu: null, ...message } as const];
  const answered = replies.map((reply, index): StoredMessage => {
    const { body, menu } = typeof reply === "string" ? { body: reply, menu: null } : reply;
    return { seq: first + said.length + index, role: "bot", body, menu };
  });
  return [...said, ...answered];
}

const askedOf = ({ body, media }: Pick<StoredMessage, "body" | "media">): Asked =>
  media === undefined ? body : { body, media };

function saidText(seq: number, asked: Asked | null, replies: readonly TurnReply[]): Json {
  const short = replies.map(({ body, menu }) => (menu === null ? body : { body, menu }));
  return storableJson([seq, asked, ...short] satisfies Said);
}

function unpack({
  id,
  decision,
  status,
  turns,
  lastSeq,
  snapshot,
  context,
  progress,
  said,
  recorded,
}: Packed): LoadedSession {
  let messages: readonly StoredMessage[] | null = null;
  let toolOutputs: readonly StoredToolOutput[] | null = null;
  let state: { readonly value: unknown } | null = null;
  return {
    id,
    decision,
    status,
    turns,
    lastSeq,
    get snapshot() {
      state ??= { value: JSON.parse(snapshot) as unknown };
      return state.value;
    },
    // Small, and asked for by every bot that speaks more than one language.
    context: context === null ? null : (JSON.parse(context) as UserContext),
    progress: progress === null ? null : (JSON.parse(progress) as ProgressUpdate),
    get messages() {
      messages ??= (parseAll(said) as Said[]).flatMap(messagesOf).slice(-historyMessages);
      return messages;
    },
    get toolOutputs() {
      toolOutputs ??= (parseAll(recorded) as StoredToolOutput[][])
        .flat()
        .slice(-historyToolOutputs);
      return toolOutputs;
    },
  };
}

/** What the store has loaded: one text for what was said from one user's message to the next. */
function pack(session: LoadedSession): Packed {
  const { id, decision, status, turns, lastSeq, toolOutputs } = session;
  const said = byTurn(session.messages).map((turn) => {
    const [first] = turn;
    const asked = first!.role === "user" ? askedOf(first!) : null;
    return saidText(first!.seq, asked, asked === null ? turn : turn.slice(1));
  });
  return sized({
    id,
    decision,
    status,
    turns,
    lastSeq,
    snapshot: storableJson(session.snapshot),
    context: session.context && storableJson(session.context),
    progress: session.progress && storableJson(session.progress),
    said: joined(said),
    recorded: joined(toolOutputs.map((output) => storableJson([output]))),
    recordedTurns: toolOutputs.length,
    atMs: 0,
  });
}

/** The first may lack its beginning. */
function byTurn(messages: readonly StoredMessage[]): readonly (readonly StoredMessage[])[] {
  const turns: StoredMessage[][] = [];
  for (const message of messages) {
    const turn = turns.at(-1);
    if (turn === undefined || message.role === "user") turns.push([message]);
    else turn.push(message);
  }
  return turns;
}

/** What the store would answer if the session were loaded after the turn. */
function packedAfter(
  before: Packed,
  { session, text, media, replies, toolOutputs, snapshot, context, progress, status }: TurnRecord,
  atMs: number,
): Packed {
  const lastSeq = session.lastSeq + 1 + replies.length;
  const asked = askedOf({ body: text, ...(media !== undefined && { media }) });
  const said = saidText(session.lastSeq + 1, asked, replies);
  return sized({
    id: session.id,
    decision: status === "escalated" ? "SESSION_WITH_HUMAN" : "SESSION_REUSED",
    status: status === "escalated" ? "escalated" : "active",
    turns: session.turns + 1,
    lastSeq,
    // As the database gives it back.
    snapshot: storableJson(snapshot ?? null),
    context: context && storableJson(context),
    progress: progress === undefined ? before.progress : progressText(progress),
    said: joined([withoutSurplus(before.said, lastSeq - historyMessages + 1), said]),
    ...recordedAfter(before, toolOutputs),
    atMs,
  });
}

const progressText = (progress: ProgressUpdate | "end"): Json | null =>
  progress === "end" ? null : storableJson(progress);

/** Each text holds at least one tool output. */
function recordedAfter(
  { recorded, recordedTurns }: Packed,
  toolOutputs: readonly StoredToolOutput[],
): Pick<Packed, "recorded" | "recordedTurns"> {
  if (toolOutputs.length === 0) return { recorded, recordedTurns };
  const isFull = recordedTurns === historyToolOutputs;
  const kept = isFull ? withoutFirst(recorded) : recorded;
  return {
    recorded: joined([kept, storableJson(toolOutputs)]),
    recordedTurns: isFull ? recordedTurns : recordedTurns + 1,
  };
}

/** Without the texts at the beginning that hold only messages before `seq`. A text begins with its first number: `[12,`. */
function withoutSurplus(said: Json, seq: number): Json {
  for (let rest = said; ; ) {
    const next = withoutFirst(rest);
    if (next === "" || Number.parseInt(next.slice(1, 12), 10) > seq) return rest;
    rest = next;
  }
}

function withoutFirst(texts: Json): Json {
  const at = texts.indexOf("\n");
  return at === -1 ? "" : texts.slice(at + 1);
}
