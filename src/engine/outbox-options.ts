import type { AccountKind } from "../../machines/lifecycle.ts";
import type { Clock } from "../ports/clock.ts";
import type { OutboxStore } from "../ports/conversation-store.ts";
import type { EventSink } from "../ports/event-sink.ts";
import type { GrantRef } from "../ports/gate.ts";
import type { TelegramClient } from "../ports/telegram.ts";

export interface OutboxSenderOptions {
  readonly store: OutboxStore;
  readonly client: Pick<TelegramClient, "send" | "history">;
  readonly grant: GrantRef;
  /** Only bot accounts may send buttons; user accounts number the choices. */
  readonly kind: AccountKind;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Whether a send may begin just now; `notify` when it may again. By default always. */
  mayCall?(): boolean;
  /** Telegram wants silence: the sender has paused itself and waits for `resume`. */
  onFlood(waitSeconds: number): void;
  /** The grant's token has moved on: the sender has stopped. */
  onTokenLost(): void;
  /** What became of a reply: `sent`, `read-back`, `refused` or, for now, `unknown`. */
  onReply(outcome: string): void;
  readonly limits?: Partial<OutboxLimits>;
}

export interface OutboxLimits {
  /** Chats that are sent to at the same time. */
  readonly chatsMax: number;
  readonly claimMax: number;
  /** Replies claimed and not settled. */
  readonly heldMax: number;
  /** When the database does not answer, and before the first look at an unknown outcome; doubles. */
  readonly retryDelayMs: number;
  readonly retryDelayMsMax: number;
}

export const defaultOutboxLimits: OutboxLimits = {
  chatsMax: 16,
  claimMax: 100,
  heldMax: 300,
  retryDelayMs: 500,
  retryDelayMsMax: 30_000,
};
