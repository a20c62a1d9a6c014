import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { AccountUpdate } from "../../ports/telegram/telegram.ts";
import { markedSender, unheard, type UnheardReason } from "../../conversation/whom.ts";
import type { Press } from "./presses.ts";

/** What items are made by, beside the updates. */
export interface ItemParts {
  readonly account: string;
  /** Wall clock, milliseconds. */
  readonly receivedAtMs: number;
  /** The query id that a press goes by. */
  pressName(press: Press): string;
  /** The user is an account of this fleet. */
  isFleets(userId: string): boolean;
  onUnheard(reason: UnheardReason): void;
}

/** The acts of chat users, as items of the stream. `conversation/whom` says whose make none. */
export function inboundItems(updates: readonly AccountUpdate[], parts: ItemParts): InboundItem[] {
  return updates.flatMap((update) => itemOf(update, parts) ?? []);
}

function itemOf(
  update: AccountUpdate,
  { account, receivedAtMs, pressName, isFleets, onUnheard }: ItemParts,
): InboundItem | undefined {
  const reason = unheard(update);
  if (reason !== null) {
    onUnheard(reason);
    return undefined;
  }
  const { peer, messageId, from } = update;
  const sender = markedSender(update, isFleets);
  const common = {
    channel: "telegram",
    account,
    chatUser: peer.userId,
    peer,
    receivedAtMs,
    ...(sender !== undefined && { sender }),
    ...(from !== undefined && { from }),
  } as const;
  if (update.kind === "tap") {
    const inboundId = `tap:${messageId}:${update.data}#${pressName(update)}`;
    return { ...common, inboundId, kind: "tap", text: update.data };
  }
  const { text, media, date } = update;
  const inboundId = `m:${messageId}`;
  return {
    ...common,
    inboundId,
    kind: "text",
    text,
    writtenAtMs: date * 1000,
    // One that is fetched again has its time; Telegram's are whole seconds.
    receivedAtMs: Math.min(receivedAtMs, (date + 1) * 1000),
    ...(media !== undefined && { media: [media] }),
  };
}
