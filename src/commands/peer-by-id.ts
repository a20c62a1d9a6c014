import { remedyFor } from "../channels/telegram/error-table.ts";
import { TelegramError } from "../ports/telegram/telegram-error.ts";
import type { ChatPeer, TelegramClient } from "../ports/telegram/telegram.ts";

const dialogsMax = 100;
/** Telegram takes it from a bot, for anyone who has written to the bot (https://core.telegram.org/api/peers). */
const hashForBots = "0";

/** The access hash of a user whose conversation is stored; null: none is. */
export type StoredHash = (userId: string) => Promise<string | null>;

/**
 * The chat of a user by number, under each address that may do, the best first: one of the account's newest dialogs,
 * else the stored conversation's. A bot may not list its chats; it may also write to a user without an access hash.
 */
export async function peersById(
  client: Pick<TelegramClient, "dialogs">,
  userId: string,
  storedHash: StoredHash,
): Promise<readonly ChatPeer[]> {
  const listed = await listedChats(client);
  const found = listed?.find(({ peer }) => peer.userId === userId);
  if (found !== undefined) return [found.peer];
  const stored = await storedHash(userId);
  const hashes = [stored, listed === null ? hashForBots : null].filter((hash) => hash !== null);
  return [...new Set(hashes)].map((accessHash) => ({ userId, accessHash }));
}

/** null for a bot. */
async function listedChats(client: Pick<TelegramClient, "dialogs">) {
  try {
    return await client.dialogs(dialogsMax);
  } catch (error) {
    const isBot = error instanceof TelegramError && error.fault.code === "BOT_METHOD_INVALID";
    if (!isBot) throw error;
    return null;
  }
}

/** The address is none of this account's, and nothing was sent under it. */
const isOfAddress = (error: unknown): boolean =>
  error instanceof TelegramError && remedyFor(error.fault).action === "fetch-peer";

/** Does it under the first address that Telegram takes. Throws its refusal of the last one. */
export async function underOneOf<Done>(
  peers: readonly [ChatPeer, ...ChatPeer[]],
  work: (peer: ChatPeer) => Promise<Done>,
): Promise<Done> {
  const [peer, next, ...rest] = peers;
  try {
    return await work(peer);
  } catch (error) {
    if (!isOfAddress(error) || next === undefined) throw error;
    return underOneOf([next, ...rest], work);
  }
}
