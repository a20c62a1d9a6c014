import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { AccountUpdate } from "../../ports/telegram/telegram.ts";

/**
 * The acts of chat users, as items of the stream. The account's own messages make none.
 * @param receivedAtMs wall clock
 */
export function inboundItems(
  account: string,
  updates: readonly AccountUpdate[],
  receivedAtMs: number,
): InboundItem[] {
  return updates.flatMap((update) => itemOf(account, update, receivedAtMs) ?? []);
}

function itemOf(
  account: string,
  update: AccountUpdate,
  receivedAtMs: number,
): InboundItem | undefined {
  const { peer, messageId } = update;
  const chatUser = peer.userId;
  const common = { channel: "telegram", account, chatUser, peer, receivedAtMs } as const;
  if (update.kind === "tap") {
    const inboundId = `tap:${messageId}:${update.data}`;
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
