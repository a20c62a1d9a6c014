import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { AccountUpdate } from "../../ports/telegram/telegram.ts";
import type { Press } from "./presses.ts";

/**
 * The acts of chat users, as items of the stream. The account's own messages make none.
 * @param receivedAtMs wall clock
 * @param pressName the query id that a press goes by
 */
export function inboundItems(
  account: string,
  updates: readonly AccountUpdate[],
  receivedAtMs: number,
  pressName: (press: Press) => string,
): InboundItem[] {
  return updates.flatMap((update) => itemOf(account, update, receivedAtMs, pressName) ?? []);
}

function itemOf(
  account: string,
  update: AccountUpdate,
  receivedAtMs: number,
  pressName: (press: Press) => string,
): InboundItem | undefined {
  const { peer, messageId } = update;
  const chatUser = peer.userId;
  const common = { channel: "telegram", account, chatUser, peer, receivedAtMs } as const;
  if (update.kind === "tap") {
    const inboundId = `tap:${messageId}:${update.data}#${pressName(update)}`;
    return { ...common, inboundId, kind: "tap", text: update.data };
  }
  if (update.outgoing) return undefined;
  const { text, media } = update;
  const inboundId = `m:${messageId}`;
  return {
    ...common,
    inboundId,
    kind: "text",
    text,
    ...(media !== undefined && { media: [media] }),
  };
}
