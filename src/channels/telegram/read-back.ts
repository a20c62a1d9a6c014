import { TelegramError } from "../../ports/telegram/telegram-error.ts";
import type { ChatPeer, PrivateChat, TelegramClient } from "../../ports/telegram/telegram.ts";
import type { Message, ReadBack } from "./found-again.ts";
import { everyChat, pressesMissing } from "./read-by-ids.ts";

/** Private chats that are read back at most, the newest. */
const chatsMax = 100;
const pageSize = 100;
const pagesPerChatMax = 10;

const missingIs = {
  dialogs: "messages of every chat, as Telegram shows this account no dialogs",
  chats: `messages of chats beyond the ${chatsMax} newest`,
  history: "messages of a chat whose history Telegram does not show",
  pages: `messages of a chat before its newest ${pageSize * pagesPerChatMax}`,
};

/**
 * The private chats with a message since a date (Unix seconds), the newest first. Bots may not read dialogs
 * (https://core.telegram.org/method/messages.getDialogs): all their chats are one, which is read by ids.
 */
export async function chatsSince(
  client: Pick<TelegramClient, "dialogs">,
  sinceDate: number,
): Promise<ReadBack<ChatPeer>> {
  const chats = await shown(client.dialogs(chatsMax));
  if (chats === "not to bots") return { found: [everyChat(0)], missing: [pressesMissing] };
  if (chats === null) return { found: [], missing: [missingIs.dialogs] };
  const isRecent = ({ topDate = sinceDate }: PrivateChat): boolean => topDate >= sinceDate;
  const mayBeMore = chats.length >= chatsMax && chats.every(isRecent);
  return {
    found: chats.filter(isRecent).map(({ peer }) => peer),
    missing: mayBeMore ? [missingIs.chats] : [],
  };
}

/**
 * The incoming messages of a chat since a date (Unix seconds) and beyond a message, oldest first. Bounded: the newest
 * 1,000 messages of the chat.
 */
export async function messagesSince(
  client: Pick<TelegramClient, "history">,
  peer: ChatPeer,
  { sinceDate, beyondId }: { readonly sinceDate: number; readonly beyondId: number },
): Promise<ReadBack<Message>> {
  const found: Message[] = [];
  const oldestFirst = () => found.toSorted((a, b) => a.messageId - b.messageId);
  let beforeId: number | undefined;
  for (let page = 0; page < pagesPerChatMax; page += 1) {
    const older = beforeId === undefined ? {} : { beforeId };
    const messages = await shown(client.history(peer, { limit: pageSize, ...older }));
    if (messages === null || messages === "not to bots")
      return { found: oldestFirst(), missing: [missingIs.history] };
    const recent = messages.filter(
      ({ date, messageId }) => date >= sinceDate && messageId > beyondId,
    );
    found.push(...recent.filter(({ outgoing }) => !outgoing));
    const oldest = messages.at(-1);
    if (recent.length < messages.length || oldest === undefined) {
      return { found: oldestFirst(), missing: [] };
    }
    beforeId = oldest.messageId;
  }
  return { found: oldestFirst(), missing: [missingIs.pages] };
}

/** null: Telegram refuses to show it. */
async function shown<T>(
  reading: Promise<readonly T[]>,
): Promise<readonly T[] | "not to bots" | null> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof TelegramError) || error.fault.kind !== "refused") throw error;
    return error.fault.code === "BOT_METHOD_INVALID" ? "not to bots" : null;
  }
}
