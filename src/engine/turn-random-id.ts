import { hash } from "node:crypto";

/**
 * The `random_id` under which Telegram recognises a repeated send: signed 64 bits in decimal, never 0. It follows
 * from what is answered alone, so that every attempt, on whichever node, carries the same one.
 */
export function deriveRandomId(
  account: string,
  chatUser: string,
  inboundId: string,
  replyIndex: number,
): string {
  const source = JSON.stringify([account, chatUser, inboundId, replyIndex]);
  const id = hash("sha256", source, "buffer").readBigInt64BE(0);
  return (id === 0n ? 1n : id).toString();
}
