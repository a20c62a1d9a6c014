import type { AccountKind } from "../../machines/lifecycle.ts";
import type { AccountStore } from "../ports/account-store.ts";
import type { Claims } from "../custody/claims.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { OutboxItem } from "../ports/conversation-store.ts";
import type { EventSink } from "../ports/event-sink.ts";
import type { Gate, GrantRef } from "../ports/gate.ts";
import type { PushedUpdate, TelegramClient, TelegramDrivers } from "../ports/telegram.ts";
import type { TokenStore } from "../ports/token-store.ts";

/** Follows the account's updates into the stream, as `update-cursor.ts` does. */
export interface CursorWork {
  /** Loads the cursor and fills the gap; the account is not active before that. */
  start(): Promise<void>;
  /** `null`: something must be fetched. */
  onUpdates(pushed: readonly PushedUpdate[] | null): void;
  /** Settles what was taken. */
  stop(): Promise<void>;
}

/** Replies on their way past the store: what is claimed in the commit of its turn goes to the sender at once. */
export interface ReplyTicket {
  /** The commit has claimed these: in order for each chat. */
  hand(items: readonly OutboxItem[]): void;
  /** It is not known, or was not for a while, whether the commit has claimed them: the sender looks for itself. */
  lose(): void;
}

export interface GrantedTicket extends ReplyTicket {
  readonly grant: GrantRef;
}

/** Sends the account's replies, as `outbox.ts` does. */
export interface OutboxWork {
  start(): Promise<void>;
  pause(): void;
  resume(): void;
  /** New replies were committed. `stranded`: some that were claimed long ago are still to be settled. */
  notify(stranded?: boolean): void;
  /** Takes replies that are committed as claimed by this sender; null: not now, it claims them itself. */
  offer(): ReplyTicket | null;
  /** After a reconnect: settles the sends whose outcome the broken wire left unknown. */
  recover(): Promise<void>;
  /** Sends nothing new; resolves when the calls in flight have ended. */
  stop(): Promise<void>;
}

/** How long things may take, in milliseconds. */
export interface AccountTimings {
  readonly drainMs: number;
  readonly disconnectMs: number;
  /** After this long without a code, missed updates are fetched. */
  readonly codeLookMs: number;
  /** Between attempts to log out slots that no longer serve. */
  readonly tidyRetryMs: number;
}

/** Everything that the handlers of one account's lifecycle may touch. */
export interface AccountWorld {
  readonly account: string;
  readonly kind: AccountKind;
  readonly accounts: AccountStore;
  readonly tokens: TokenStore;
  readonly claims: Pick<Claims, "claim" | "confirm" | "untilFree" | "freed" | "taken">;
  readonly gate: Gate;
  readonly drivers: TelegramDrivers;
  readonly clock: Clock;
  /** Whether calls may begin: not while the host's lease is about to run out. */
  mayCall(): boolean;
  readonly events: EventSink;
  readonly timings: AccountTimings;
  makeCursor(client: TelegramClient, grant: GrantRef, faults: { onTokenLost(): void }): CursorWork;
  makeOutbox(
    client: TelegramClient,
    grant: GrantRef,
    faults: { onFlood(waitSeconds: number): void; onTokenLost(): void },
  ): OutboxWork;
}
