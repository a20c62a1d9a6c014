import type { ConversationRules, SessionStatus } from "../../../machines/conversation-rules.ts";
import type { Clock } from "../../concurrency/clock.ts";
import type { HealthSign } from "../../ports/conversation/health-signs.ts";
import type {
  ConversationKey,
  LoadedSession,
} from "../../ports/conversation/conversation-store.ts";

export interface HealthOptions {
  readonly rules: Pick<ConversationRules, "open">;
  readonly clock: Pick<Clock, "monotonicMs">;
  onSign(sign: HealthSign, key: ConversationKey): void;
  /** Largest number of remembered users; those seen longest ago go first. */
  readonly usersMax?: number;
}

/** Watches sessions as turns meet them, as the alarms of O1 ask. Keeps a bounded number of users in mind. */
export interface ConversationHealth {
  /** A turn was committed in this session. */
  committed(
    key: ConversationKey,
    session: Pick<LoadedSession, "id" | "decision" | "turns" | "messages">,
    statusAfter: SessionStatus,
  ): void;
}

const rapidMs = 10_000;
const minuteMs = 60_000;
const createsPerMinuteMax = 10;

interface Seen {
  sessionId: string;
  isOpen: boolean;
  /** When sessions were opened, within the last minute. */
  openedMs: number[];
}

export function createConversationHealth(options: HealthOptions): ConversationHealth {
  const { rules, clock, onSign, usersMax = 50_000 } = options;
  /** In the order in which they were last seen. */
  const users = new Map<string, Seen>();

  function seen(key: ConversationKey): Seen | undefined {
    const name = nameOf(key);
    const known = users.get(name);
    users.delete(name);
    return known;
  }

  function remember(key: ConversationKey, user: Seen): void {
    users.set(nameOf(key), user);
    if (users.size <= usersMax) return;
    for (const oldest of users.keys()) {
      users.delete(oldest);
      break;
    }
  }

  function opened(key: ConversationKey, user: Seen): void {
    const nowMs = clock.monotonicMs();
    user.openedMs = [...user.openedMs.filter((atMs) => nowMs - atMs < minuteMs), nowMs].slice(
      -createsPerMinuteMax - 1,
    );
    const recent = user.openedMs.filter((atMs) => nowMs - atMs < rapidMs);
    if (recent.length > 1) onSign("RAPID_CREATES", key);
    if (user.openedMs.length > createsPerMinuteMax) onSign("RAPID_CREATES_CRITICAL", key);
  }

  return {
    committed(key, { id, decision, turns, messages }, statusAfter) {
      const before = seen(key);
      const isNew = decision.startsWith("SESSION_CREATED_");
      const user: Seen = before ?? { sessionId: id, isOpen: true, openedMs: [] };
      const wasLost = before?.isOpen === true && before.sessionId !== id;
      if (wasLost && decision !== "SESSION_CREATED_AFTER_EXPIRY") onSign("CONTEXT_LOST", key);
      if (!isNew && turns > 0 && messages.length === 0) onSign("HISTORY_EMPTY", key);
      if (isNew && turns === 0) opened(key, user);
      user.sessionId = id;
      user.isOpen = rules.open.includes(statusAfter);
      remember(key, user);
    },
  };
}

const nameOf = ({ channel, account, chatUser }: ConversationKey): string =>
  `${channel}\n${account}\n${chatUser}`;
