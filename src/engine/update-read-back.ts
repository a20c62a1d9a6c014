import type { AccountUpdate, TelegramClient } from "../ports/telegram.ts";

const dialogsMax = 100;
const pageSize = 100;
const pagesPerDialogMax = 10;

/**
 * Incoming private messages since a date (Unix seconds), oldest first, as far as the newest dialogs show them.
 * Bounded: at most 1,000 messages of each of the 100 newest dialogs.
 */
export async function readBack(
  client: TelegramClient,
  sinceDate: number,
): Promise<readonly AccountUpdate[]> {
  const found: Extract<AccountUpdate, { kind: "message" }>[] = [];
  for (const { peer } of await client.dialogs(dialogsMax)) {
    let beforeId = 0;
    for (let page = 0; page < pagesPerDialogMax; page += 1) {
      const messages = await client.history(peer, { limit: pageSize, beforeId });
      const recent = messages.filter(({ date }) => date >= sinceDate);
      found.push(...recent.filter(({ outgoing }) => !outgoing));
      const oldest = messages.at(-1);
      if (recent.length < pageSize || oldest === undefined) break;
      beforeId = oldest.messageId;
    }
  }
  return found.toSorted((a, b) => a.date - b.date || a.messageId - b.messageId);
}
