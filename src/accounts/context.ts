import type { AccountKind } from "../../machines/lifecycle.ts";
import type { CursorWork } from "../channels/telegram/work.ts";
import type { OutboxWork } from "../conversation/outbox/ticket.ts";
import type { AccountStores } from "../ports/accounts/account-store.ts";
import type { Claims } from "../custody/claims.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { EventSink } from "../ports/accounts/event-sink.ts";
import type { Gate, GrantRef } from "../ports/custody/gate.ts";
import type { Seal } from "../ports/sealed-text.ts";
import type { TelegramClient, TelegramDrivers } from "../ports/telegram/telegram.ts";
import type { TokenStore } from "../ports/custody/token-store.ts";
import type { AccountWaits } from "./waits.ts";

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
  readonly accounts: AccountStores;
  readonly tokens: TokenStore;
  readonly claims: Pick<Claims, "claim" | "confirm" | "untilFree" | "freed" | "taken">;
  readonly gate: Gate;
  readonly drivers: Pick<TelegramDrivers, "of">;
  readonly waits: AccountWaits;
  readonly clock: Clock;
  /** Whether calls may begin: not while the host's lease is about to run out. */
  mayCall(): boolean;
  readonly events: EventSink;
  readonly seal: Seal;
  readonly timings: AccountTimings;
  makeCursor(client: TelegramClient, grant: GrantRef, faults: { onTokenLost(): void }): CursorWork;
  makeOutbox(
    client: TelegramClient,
    grant: GrantRef,
    faults: { onFlood(waitSeconds: number): void; onTokenLost(): void },
  ): OutboxWork;
}
