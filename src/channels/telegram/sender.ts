import type { AccountKind } from "../../../machines/lifecycle.ts";
import type { ReplyDesk } from "../../conversation/outbox/ticket.ts";
import type { OutboxStore } from "../../ports/conversation/outbox-store.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import type { TelegramClient } from "../../ports/telegram/telegram.ts";
import { menuStyleOf } from "../../conversation/turns/menu.ts";
import { createOutboxSender, type OutboxSender } from "../../conversation/outbox/sender.ts";
import type { OutboxSenderOptions } from "../../conversation/outbox/options.ts";
import { createTelegramChannel } from "./deliver.ts";

export interface TelegramSenderOptions
  extends Omit<OutboxSenderOptions, "account" | "replies" | "channel" | "leaveOffer"> {
  readonly store: OutboxStore;
  readonly client: Pick<TelegramClient, "send" | "history" | "dialogs">;
  readonly grant: GrantRef;
  /** Only bot accounts may send buttons; user accounts number the choices. */
  readonly kind: AccountKind;
  /** Where the turns of this process look for a sender; without one, the sender claims every reply itself. */
  readonly desk?: Pick<ReplyDesk, "leave">;
}

/** Sends one account's replies by Telegram, under one grant of its token. */
export function createTelegramSender(options: TelegramSenderOptions): OutboxSender {
  const { store, client, grant, kind, desk, ...shared } = options;
  const { account } = grant;
  return createOutboxSender({
    ...shared,
    account,
    leaveOffer: (offer) =>
      desk?.leave({ channel: "telegram", account }, (of) => {
        const ticket = offer(of);
        return ticket && { grant, hand: ticket.hand, lose: ticket.lose };
      }) ?? (() => {}),
    replies: {
      claim: (what) => store.claim(grant, what),
      recover: (held) => store.recover(grant, held),
      settle: (results) => store.settle(results, grant),
    },
    channel: createTelegramChannel({
      client,
      store,
      style: menuStyleOf(kind),
    }),
  });
}
