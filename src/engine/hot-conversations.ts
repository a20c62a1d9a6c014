import type { Clock } from "../ports/clock.ts";
import {
  type ConversationKey,
  type ConversationStore,
  historyMessages,
  historyToolOutputs,
  type LoadedSession,
  type StoredMessage,
  type TurnRecord,
} from "../ports/conversation-store.ts";
import { storableJson } from "../ports/storable-text.ts";

export interface HotLimits {
  /** Characters that are remembered altogether; the conversations that have rested longest go first. */
  readonly charactersMax: number;
  /** A conversation that rests for this long is forgotten at the next turn of anybody, in milliseconds. */
  readonly restMsMax: number;
}
type Store = Pick<ConversationStore, "load" | "commit">;

interface Hot {
  /** JSON: one text takes a fraction of the memory of the hundred objects that it becomes. */
  readonly packed: string;
  readonly atMs: number;
}

const defaultLimits: HotLimits = { charactersMax: 64 * 1024 * 1024, restMsMax: 600_000 };

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
  const hot = new Map<string, Hot>();
  let characters = 0;

  function forget(key: string): void {
    characters -= hot.get(key)?.packed.length ?? 0;
    hot.delete(key);
  }

  function keep(key: string, session: LoadedSession): void {
    const nowMs = clock.monotonicMs();
    // As the database gives it back.
    const packed = storableJson(session);
    characters += packed.length;
    hot.set(key, { packed, atMs: nowMs });
    for (const [oldest, { atMs }] of hot) {
      if (nowMs - atMs <= limits.restMsMax && characters <= limits.charactersMax) break;
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
      return JSON.parse(found.packed) as LoadedSession;
    },
    async commit(turn, ownerEpoch) {
      const key = textOf(turn);
      // While its outcome is open, what was remembered is not to be had.
      forget(key);
      const outcome = await store.commit(turn, ownerEpoch);
      if (outcome === "committed" && turn.status !== "ended") keep(key, sessionAfter(turn));
      return outcome;
    },
  };
}

const textOf = ({ channel, account, chatUser }: ConversationKey): string =>
  `${channel} ${account} ${chatUser}`;

/** What the store would answer if the session were loaded after the turn. */
function sessionAfter({
  session,
  text,
  replies,
  toolOutputs,
  snapshot,
  status,
}: TurnRecord): LoadedSession {
  const lastSeq = session.lastSeq + 1 + replies.length;
  const asked: StoredMessage = { seq: session.lastSeq + 1, role: "user", body: text, menu: null };
  const said = replies.map(
    ({ seq, body, menu }): StoredMessage => ({ seq, role: "bot", body, menu }),
  );
  return {
    id: session.id,
    decision: status === "escalated" ? "SESSION_WITH_HUMAN" : "SESSION_REUSED",
    status: status === "escalated" ? "escalated" : "active",
    turns: session.turns + 1,
    lastSeq,
    snapshot,
    messages: [...session.messages, asked, ...said].slice(-historyMessages),
    toolOutputs: [...session.toolOutputs, ...toolOutputs].slice(-historyToolOutputs),
  };
}
