import type { Offer, ReplyTicket } from "./ticket.ts";
import type { AccountTroubleLimits } from "./account-trouble.ts";
import type { Pacing } from "./pacing.ts";
import type { SendSlotLimits } from "./slots.ts";
import type { Channel } from "../../ports/conversation/channel.ts";
import type { Clock } from "../../concurrency/clock.ts";
import type {
  ClaimedReplies,
  ReplyClaim,
  ReplyResult,
} from "../../ports/conversation/outbox-store.ts";
import type { EventSink } from "../../ports/accounts/event-sink.ts";

/** The replies that one sender may send. */
export interface ReplySource {
  /** As `OutboxStore.claim`, under the right by which this sender sends; null: the right is lost. */
  claim(what: ReplyClaim): Promise<ClaimedReplies | null>;
  /** As `OutboxStore.recover`. */
  recover(held: readonly string[]): Promise<boolean>;
  /** As `OutboxStore.settle`, under the right by which they were claimed. */
  settle(results: readonly ReplyResult[]): Promise<void>;
}

export interface OutboxSenderOptions {
  readonly account: string;
  readonly replies: ReplySource;
  readonly channel: Channel;
  readonly clock: Clock;
  readonly events: EventSink;
  /** How fast it may send; by default as fast as it can. */
  readonly pacing?: Pacing;
  /** Whether a send may begin just now; `notify` when it may again. By default always. */
  mayCall?(): boolean;
  /**
   * Leaves the sender's offer where turns look for one, while it may send. Returns a function that
   * takes the offer back. By default the offer is left nowhere.
   */
  leaveOffer?(offer: Offer<ReplyTicket>): () => void;
  /** The channel wants silence of the whole account: the sender has paused itself and waits for `resume`. */
  onFlood(waitSeconds: number): void;
  /** The right to send is another's now: the sender has stopped. */
  onTokenLost(): void;
  /** The outcome of a reply: `sent`, `read-back`, `refused`, `given-up` or, for now, `unknown` and `held`. */
  onReply(outcome: string): void;
  readonly limits?: Partial<OutboxLimits>;
}

export interface OutboxLimits extends SendSlotLimits {
  readonly claimMax: number;
  /** Replies of one chat that are claimed and not settled, but for those that turns hand over. */
  readonly perChatMax: number;
  /** Replies claimed and not settled. Beyond them replies wait in the store. */
  readonly heldMax: number;
  /** When the database does not answer, and a chat's first rest after an unknown outcome; doubles. */
  readonly retryDelayMs: number;
  /** For the database. */
  readonly retryDelayMsMax: number;
  /** A chat's longest rest of its own. */
  readonly restMsMax: number;
  /** A reply that fails when it is this old is given up. */
  readonly giveUpAfterMs: number;
  readonly account: AccountTroubleLimits;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

export const defaultOutboxLimits: OutboxLimits = {
  chatsMax: 16,
  retriesMax: 8,
  slowAfterMs: 250,
  slowMax: 256,
  claimMax: 100,
  perChatMax: 8,
  heldMax: 400,
  retryDelayMs: 500,
  retryDelayMsMax: 30_000,
  restMsMax: 5 * minuteMs,
  giveUpAfterMs: 24 * hourMs,
  account: { rememberedMs: 10 * minuteMs, restMs: minuteMs, restMsMax: hourMs },
};

/** Outcomes that a broken wire leaves unknown: no chat is at fault, and its rest ends with the wire's. */
export const brokenWireCodes: readonly string[] = [
  "CONNECTION_LOST",
  "CLIENT_CLOSED",
  "CALL_TIMEOUT",
  "GATE_LOST",
  "GATE_NOT_READY",
];
