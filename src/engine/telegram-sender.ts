import type { AccountKind } from "../../machines/lifecycle.ts";
import type { OutboxStore } from "../ports/conversation-store.ts";
import type { GrantRef } from "../ports/gate.ts";
import type { TelegramClient } from "../ports/telegram.ts";
import { menuStyleOf } from "./menu.ts";
import { createOutboxSender, type OutboxSender } from "./outbox.ts";
import type { OutboxSenderOptions } from "./outbox-options.ts";
import { createTelegramChannel } from "./telegram-channel.ts";

export interface TelegramSenderOptions
  extends Omit<OutboxSenderOptions, "account" | "replies" | "channel"> {
  readonly store: OutboxStore;
  readonly client: Pick<TelegramClient, "send" | "history">;
  readonly grant: GrantRef;
  /** Only bot accounts may send buttons; user accounts number the choices. */
  readonly kind: AccountKind;
}

/** Sends one account's replies by Telegram, under one grant of its token. */
export function createTelegramSender(options: TelegramSenderOptions): OutboxSender {
  const { store, client, grant, kind, ...shared } = options;
  return createOutboxSender({
    ...shared,
    account: grant.account,
    replies: {
      claim: (what) => store.claim(grant, what),
      settle: (results) => store.settle(results),
    },
    channel: createTelegramChannel({
      client,
      store,
      style: menuStyleOf(kind),
    }),
  });
}
