import { hash } from "node:crypto";

/**
 * The `random_id` of the reply to a message. Every attempt on any node carries the same one: it
 * follows from the answered message and the reply's index alone. Signed 64 bits in decimal, never
 * 0.
 */
export function deriveRandomId(
  account: string,
  chatUser: string,
  inboundId: string,
  replyIndex: number,
): string {
  return randomIdFrom([account, chatUser, inboundId, replyIndex]);
}

/**
 * The `random_id` of a script's message. It is the same for the same account, chat and key, so that
 * a repeated send is one message. Signed 64 bits in decimal, never 0.
 */
export function randomIdOfSend(account: string, chatUser: string, key: string): string {
  return randomIdFrom(["send", account, chatUser, key]);
}

/** Telegram recognises a repeated send by it. */
function randomIdFrom(source: readonly (string | number)[]): string {
  const id = hash("sha256", JSON.stringify(source), "buffer").readBigInt64BE(0);
  return (id === 0n ? 1n : id).toString();
}
