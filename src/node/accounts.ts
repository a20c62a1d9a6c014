import type { Bound } from "../../machines/lifecycle.ts";
import type { Config } from "../config/config.ts";
import type { ReplyDesk } from "../conversation/outbox/ticket.ts";
import { type Account, createAccount } from "../accounts/account.ts";
import type { AccountWorld } from "../accounts/context.ts";
import { createAccountWaits } from "../accounts/waits.ts";
import { telegramPace } from "../channels/telegram/pace.ts";
import { createPacing } from "../conversation/outbox/pacing.ts";
import { createTelegramSender } from "../channels/telegram/sender.ts";
import { createUpdateCursor } from "../channels/telegram/cursor.ts";
import type { UnheardReason } from "../conversation/whom.ts";
import type { AccountRecord } from "../ports/accounts/account-store.ts";
import type { OutboxStore } from "../ports/conversation/outbox-store.ts";
import type { CursorStore } from "../ports/conversation/cursor-store.ts";
import type { InboundStream } from "../ports/conversation/inbound-stream.ts";
import type { WaitStore } from "../ports/telegram/waits.ts";
import type { StreamLosses } from "../ports/conversation/stream-losses.ts";

const codeLookMs = 3000;
const tidyRetryMs = 1000;
/** A token that another host holds is looked for again this often when no event tells of it. */
const seekAgainMs = 5000;

export interface AccountParts
  extends Omit<
    AccountWorld,
    "account" | "kind" | "timings" | "waits" | "makeCursor" | "makeOutbox"
  > {
  readonly waits: WaitStore;
  readonly cursors: CursorStore;
  readonly outbox: OutboxStore;
  /** Where the accounts' senders leave their offers. */
  readonly desk: Pick<ReplyDesk, "leave">;
  readonly stream: InboundStream;
  readonly losses: StreamLosses;
  onReply(outcome: string): void;
  /** Telegram ordered a wait. */
  onFloodWait(account: string, seconds: number): void;
  /** A Telegram user that is an account of this fleet. */
  isFleets(userId: string): boolean;
  onUnheard(account: string, reason: UnheardReason): void;
}

/** Puts one account together from the parts that all accounts of this node share. */
export function makeAccount(
  parts: AccountParts,
  { timings, pacing }: Pick<Config, "timings" | "pacing">,
  record: AccountRecord,
): Account {
  const {
    cursors,
    outbox,
    desk,
    stream,
    losses,
    waits,
    onReply,
    onFloodWait,
    isFleets,
    onUnheard,
    ...shared
  } = parts;
  const { clock, events } = shared;
  const world: AccountWorld = {
    ...shared,
    account: record.name,
    kind: record.kind,
    waits: createAccountWaits({
      account: record.name,
      store: waits,
      clock,
      events,
      onOrdered: (seconds) => onFloodWait(record.name, seconds),
    }),
    timings: {
      drainMs: timings.drainMs,
      disconnectMs: timings.disconnectMs,
      codeLookMs,
      tidyRetryMs,
    },
    makeCursor: (client, grant, { onTokenLost }) =>
      createUpdateCursor({
        client,
        grant,
        store: cursors,
        stream,
        losses,
        clock,
        events,
        isFleets,
        onUnheard: (reason) => onUnheard(record.name, reason),
        onTokenLost,
      }),
    makeOutbox: (client, grant, { onFlood, onTokenLost }) =>
      createTelegramSender({
        store: outbox,
        desk,
        client,
        grant,
        kind: record.kind,
        clock,
        events,
        mayCall: shared.mayCall,
        ...(pacing && { pacing: createPacing(telegramPace[record.kind], clock) }),
        onFlood,
        onTokenLost,
        onReply,
      }),
  };
  return createAccount(world, record, boundsOf(timings));
}

/** How long each state may last, in milliseconds, by the times of docs/operating.md. */
function boundsOf(timings: Config["timings"]): Readonly<Record<Bound, number>> {
  return {
    authorising: timings.preparingMs,
    seeking: seekAgainMs,
    connecting: timings.connectMs,
    preparing: timings.preparingMs,
    draining: timings.drainMs + timings.disconnectMs,
    verifying: timings.idleVerifyMs,
    renewing: timings.idleVerifyMs,
    restarting: timings.restartVerifyMs,
    aborting: timings.disconnectMs,
    burying: timings.disconnectMs,
    leaving: timings.disconnectMs,
    releasing: timings.disconnectMs,
  };
}
