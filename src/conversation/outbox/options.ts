import type { Offer, ReplyTicket } from "./ticket.ts";
import type { Channel } from "../../ports/conversation/channel.ts";
import type { Clock } from "../../concurrency/clock.ts";
import type { OutboxItem, OutboxStore } from "../../ports/conversation/outbox-store.ts";
import type { EventSink } from "../../ports/accounts/event-sink.ts";

/** The replies that one sender may send. */
export interface ReplySource extends Pick<OutboxStore, "settle"> {
  /** As `OutboxStore.claim`, under the right by which this sender sends; null: the right is lost. */
  claim(options: {
    readonly limit: number;
    readonly recover: boolean;
  }): Promise<readonly OutboxItem[] | null>;
}

export interface OutboxSenderOptions {
  readonly account: string;
  readonly replies: ReplySource;
  readonly channel: Channel;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Whether a send may begin just now; `notify` when it may again. By default always. */
  mayCall?(): boolean;
  /**
   * Leaves the sender's offer where turns look for one, while it may send. Returns a function that
   * takes the offer back. By default the offer is left nowhere.
   */
  leaveOffer?(offer: Offer<ReplyTicket>): () => void;
  /** The channel wants silence: the sender has paused itself and waits for `resume`. */
  onFlood(waitSeconds: number): void;
  /** The right to send is another's now: the sender has stopped. */
  onTokenLost(): void;
  /** The outcome of a reply: `sent`, `read-back`, `refused` or, for now, `unknown`. */
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
