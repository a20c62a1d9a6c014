import { TelegramError } from "../../ports/telegram/telegram-error.ts";
import type { AccountUpdate, TelegramClient } from "../../ports/telegram/telegram.ts";

const dialogsMax = 100;
const pageSize = 100;
const pagesPerDialogMax = 10;

type Message = Extract<AccountUpdate, { kind: "message" }>;

/**
 * Incoming private messages since a date (Unix seconds), oldest first, as far as the newest dialogs
 * show them. Bounded: at most 1,000 messages of each of the 100 newest dialogs. Messages that
 * Telegram does not show are left out: bots may read neither dialogs nor history
 * (https://core.telegram.org/method/messages.getHistory).
 */
export async function readBack(
  client: Pick<TelegramClient, "dialogs" | "history">,
  sinceDate: number,
): Promise<readonly Message[]> {
  const found: Message[] = [];
  for (const { peer } of await shown(client.dialogs(dialogsMax))) {
    let beforeId: number | undefined;
    for (let page = 0; page < pagesPerDialogMax; page += 1) {
      const older = beforeId === undefined ? {} : { beforeId };
      const messages = await shown(client.history(peer, { limit: pageSize, ...older }));
      const recent = messages.filter(({ date }) => date >= sinceDate);
      found.push(...recent.filter(({ outgoing }) => !outgoing));
      const oldest = messages.at(-1);
      if (recent.length < messages.length || oldest === undefined) break;
      beforeId = oldest.messageId;
    }
  }
  return found.toSorted((a, b) => a.messageId - b.messageId);
}

async function shown<T>(reading: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof TelegramError && error.fault.kind === "refused") return [];
    throw error;
  }
}
