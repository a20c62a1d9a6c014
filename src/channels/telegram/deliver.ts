import { errorLine } from "../../errors.ts";
import type { Channel, Delivery } from "../../ports/conversation/channel.ts";
import type { OutboxItem, OutboxStore } from "../../ports/conversation/outbox-store.ts";
import type { ChatPeer, TelegramClient } from "../../ports/telegram/telegram.ts";
import { TelegramError } from "../../ports/telegram/telegram-error.ts";
import { type MenuStyle, renderButtons, renderText } from "../../conversation/turns/menu.ts";
import { remedyFor } from "./error-table.ts";
import { createFreshPeers } from "./fresh-peers.ts";

export interface TelegramChannelOptions {
  readonly client: Pick<TelegramClient, "send" | "history" | "dialogs">;
  readonly store: Pick<OutboxStore, "knownMessageIds">;
  readonly style: MenuStyle;
}

const pageMessages = 100;
const pagesMax = 3;
/** Once for the buttons, once for the address, once for a repeat that Telegram knows. */
const mendsMax = 3;
/** Where Telegram says that a reply has arrived and the chat does not show it any more. */
const unknownMessageId = 0;

/** Telegram: a reply whose earlier outcome is unknown is looked for in the chat before it is sent again. */
export function createTelegramChannel({ client, store, style }: TelegramChannelOptions): Channel {
  const peers = createFreshPeers(client);

  /** Telegram lets bots send but not read a chat: there, the repeated `random_id` alone tells. */
  async function page(item: OutboxItem, beforeId: number | undefined) {
    try {
      const range = { limit: pageMessages, ...(beforeId !== undefined && { beforeId }) };
      return await client.history(peers.of(item.peer), range);
    } catch (error) {
      if (error instanceof TelegramError && error.fault.kind === "refused") return [];
      throw error;
    }
  }

  /**
   * Finds the reply in the chat: an outgoing message with its text, after the answered message. It
   * also stands after every reply that is accounted for, since a chat's replies go out in order.
   * null: it did not arrive.
   */
  async function findSent(item: OutboxItem, taken: ReadonlySet<number>): Promise<number | null> {
    const text = renderText(item.body, item.menu, style).trim();
    const answered = answeredMessageId(item.inboundId);
    const known = await store.knownMessageIds(item, answered + 1);
    const floor = Math.max(answered, ...known, ...taken);
    let found: number | null = null;
    let beforeId: number | undefined;
    for (let pages = 0; pages < pagesMax; pages += 1) {
      const messages = await page(item, beforeId);
      for (const message of messages) {
        if (message.messageId <= floor) return found;
        if (message.outgoing && message.text.trim() === text) found = message.messageId;
      }
      if (messages.length < pageMessages) break;
      beforeId = messages.at(-1)?.messageId;
    }
    return found;
  }

  async function sendOnce(item: OutboxItem, peer: ChatPeer, withButtons: boolean) {
    const { body, menu, randomId } = item;
    const buttons = withButtons ? renderButtons(item, style) : undefined;
    const text = renderText(body, menu, style);
    const message = { peer, text, randomId, ...(buttons !== undefined && { buttons }) };
    const { messageId } = await client.send(message);
    return { kind: "sent", messageId, readBack: false } as const;
  }

  /**
   * One attempt. What Telegram refuses for its buttons or its address is sent once more, mended,
   * under the same `random_id`: nothing of it has arrived.
   */
  async function send(item: OutboxItem, taken: ReadonlySet<number>): Promise<Delivery> {
    let [peer, withButtons] = [peers.of(item.peer), true];
    for (let tries = 1; ; tries += 1) {
      try {
        return await sendOnce(item, peer, withButtons);
      } catch (error) {
        if (!(error instanceof TelegramError) || tries > mendsMax) throw error;
        const { action } = remedyFor(error.fault);
        if (action === "arrived") {
          const messageId = (await findSent(item, taken)) ?? unknownMessageId;
          return { kind: "sent", messageId, readBack: true };
        }
        if (action === "send-plain" && withButtons) withButtons = false;
        else if (action === "fetch-peer") {
          const fresh = await peers.fetch(peer);
          if (fresh === null) throw error;
          peer = fresh;
        } else throw error;
      }
    }
  }

  async function attempt(item: OutboxItem, taken: ReadonlySet<number>): Promise<Delivery> {
    if (item.attempted) {
      const messageId = await findSent(item, taken);
      if (messageId !== null) return { kind: "sent", messageId, readBack: true };
    }
    return send(item, taken);
  }

  return {
    async deliver(item, taken) {
      try {
        const delivery = await attempt(item, taken);
        if (delivery.kind === "sent") taken.add(delivery.messageId);
        return delivery;
      } catch (error) {
        return failed(error, item.attempted);
      }
    },
  };
}

/** 0 for an inbound id that names no message. */
const answeredMessageId = (inboundId: string): number =>
  Number(/^(?:m|tap):(\d{1,10})(?:$|:)/.exec(inboundId)?.[1] ?? 0);

function failed(error: unknown, reached: boolean): Delivery {
  if (!(error instanceof TelegramError)) {
    return { kind: "unknown", code: "UNEXPECTED", message: errorLine(error) };
  }
  const { code, message, waitSeconds = null, asked = true } = error.fault;
  const { scope, action } = remedyFor(error.fault);
  if (scope === "key") return { kind: "dead-key" };
  if (action === "retry") return { kind: "unknown", code, message };
  if (action === "hold") {
    // A wait that was known already, of this chat or of a method that reads, is no news of the account.
    const of = asked ? scope : "chat";
    return { kind: "held", scope: of, waitSeconds, reached, code, message };
  }
  return { kind: "refused", code, message };
}
