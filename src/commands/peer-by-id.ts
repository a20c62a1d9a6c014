import { TelegramError } from "../ports/telegram/telegram-error.ts";
import type { ChatPeer, TelegramClient } from "../ports/telegram/telegram.ts";

const dialogsMax = 100;
/** Telegram takes it from a bot, for anyone who has written to the bot (https://core.telegram.org/api/peers). */
const hashForBots = "0";

/**
 * The chat of a user by number: one of the account's newest dialogs; null for none. A bot may not list its chats, and
 * needs no access hash.
 */
export async function peerById(
  client: Pick<TelegramClient, "dialogs">,
  userId: string,
): Promise<ChatPeer | null> {
  try {
    const dialogs = await client.dialogs(dialogsMax);
    return dialogs.find(({ peer }) => peer.userId === userId)?.peer ?? null;
  } catch (error) {
    const isBot = error instanceof TelegramError && error.fault.code === "BOT_METHOD_INVALID";
    if (!isBot) throw error;
    return { userId, accessHash: hashForBots };
  }
}
