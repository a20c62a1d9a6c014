import type { ConversationRules } from "../../../machines/conversation-rules.ts";
import type { Clock } from "../../concurrency/clock.ts";
import {
  type Json,
  type PackedSession,
  recordedText,
  saidText,
  textsOf,
  UnpackedSession,
} from "./packed-session.ts";
import { sessionAfter, type SessionHead } from "./session-after.ts";
import {
  type ConversationKey,
  type ConversationStore,
  historyMessages,
  historyToolOutputs,
  type ProgressUpdate,
  type StoredToolOutput,
  type TurnRecord,
} from "../../ports/conversation/conversation-store.ts";
import type { SessionTexts } from "../../ports/conversation/bot-runner.ts";
import { everyPlace } from "../../ports/conversation/person-erasure.ts";
import { storableJson } from "../../ports/conversation/storable-text.ts";
import { countOf, mayBeTaken, noneTaken, takenAfter, type TakenIds } from "./taken-ids.ts";

export interface HotLimits {
  /** Largest number of characters in memory; the conversations idle for longest go first. */
  readonly charactersMax: number;
  /**
   * A conversation idle for this long is forgotten at the next turn of any user, in milliseconds.
   */
  readonly restMsMax: number;
}
type Store = Pick<ConversationStore, "load" | "commit">;

export interface HotConversations extends Store {
  readonly size: number;
  /** Nothing of the user is remembered any more; in `everyPlace`, of none of that name. */
  forget(key: ConversationKey): void;
  /** The next turn of the user reads the conversation anew. */
  doubt(key: ConversationKey): void;
}

/** A session as it is remembered. */
interface Packed extends PackedSession, TakenIds {
  /** Characters of all of it. */
  readonly size: number;
  readonly atMs: number;
}

/** Beyond these the oldest count as any other. */
const erasedMax = 10_000;

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
): HotConversations {
  /** In the order of their last turn. */
  const hot = new Map<string, Packed>();
  /** Chat users who were forgotten, or may have been: their marks have outlived their sessions. */
  const erased = new Set<string>();
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

  function noteErased({ chatUser }: ConversationKey): void {
    erased.add(chatUser);
    for (const oldest of erased) {
      if (erased.size <= erasedMax) break;
      erased.delete(oldest);
    }
  }

  /** A message that took effect is of a user with a past, though a session may say that there is none. */
  async function read(...[key, inactiveAfterMs]: Parameters<Store["load"]>) {
    const session = await store.load(key, inactiveAfterMs);
    if (session.taken === true) noteErased(key);
    return session;
  }

  /** A first contact shows that nothing was taken before, unless the sessions before it were erased. */
  const decisionOf = ({ chatUser, session: { decision, forgotten } }: TurnRecord) =>
    decision === "SESSION_CREATED_FIRST_CONTACT" && (forgotten === true || erased.has(chatUser))
      ? "SESSION_CREATED_AFTER_END"
      : decision;

  return {
    get size() {
      return hot.size;
    },
    forget(key) {
      noteErased(key);
      if (key.account !== everyPlace.account) return forget(textOf(key));
      for (const one of hot.keys()) if (one.endsWith(` ${key.chatUser}`)) forget(one);
    },
    doubt(key) {
      noteErased(key);
      forget(textOf(key));
    },
    async load(key, inactiveAfterMs) {
      const found = hot.get(textOf(key));
      const restsMsMax = Math.min(limits.restMsMax, inactiveAfterMs);
      if (found === undefined || clock.monotonicMs() - found.atMs >= restsMsMax) {
        return read(key, inactiveAfterMs);
      }
      // It comes again, or may have before: the store knows.
      return mayBeTaken(found, key) ? read(key, inactiveAfterMs) : new HotSession(found);
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
        const before =
          session instanceof HotSession ? session.ids : noneTaken(decisionOf(turn), nowMs);
        const ids = takenAfter(before, turn.inboundId, nowMs);
        keep(key, packedAfter(ids, head, turn, clock.monotonicMs()));
      }
      return outcome;
    },
  };
}

/** A session that was not read from the store. */
class HotSession extends UnpackedSession {
  readonly ids: TakenIds;

  constructor(packed: Packed) {
    super(packed);
    this.ids = packed;
  }
}

const textOf = ({ channel, account, chatUser }: ConversationKey): string =>
  `${channel} ${account} ${chatUser}`;

/** Without the first ones, and with one more. */
const moved = (texts: readonly Json[], dropped: number, text: Json): readonly Json[] =>
  (dropped === 0 ? texts : texts.slice(dropped)).concat(text);

const lengthOf = (texts: readonly Json[]): number =>
  texts.reduce((length, text) => length + text.length, 0);

/** The session as the store would load it after the turn. */
function packedAfter(ids: TakenIds, head: SessionHead, turn: TurnRecord, atMs: number): Packed {
  const before = textsOf(turn.session);
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
    older: ids.older,
    olderSinceMs: ids.olderSinceMs,
    newer: ids.newer,
    newerSinceMs: ids.newerSinceMs,
    size: alone + lengthOf(said) + lengthOf(recorded) + bytesPerId * countOf(ids),
    atMs,
  };
}

const progressText = (progress: ProgressUpdate | "end"): Json | null =>
  progress === "end" ? null : storableJson(progress);

/** Each text holds at least one tool output. */
function recordedAfter(
  { recorded }: SessionTexts,
  toolOutputs: readonly StoredToolOutput[],
): readonly Json[] {
  if (toolOutputs.length === 0) return recorded;
  const surplus = recorded.length - historyToolOutputs + 1;
  return moved(recorded, Math.max(0, surplus), recordedText(toolOutputs));
}

const bytesPerId = 8;
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
