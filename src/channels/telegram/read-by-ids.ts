import type { ChatPeer, DatedMessage, TelegramClient } from "../../ports/telegram/telegram.ts";
import type { Message, ReadBack } from "./found-again.ts";

/** Ids in one question (https://core.telegram.org/method/messages.getMessages). */
const idsMax = 100;
/** So many ids in a row that no message has are the end; fewer were deleted. */
const emptyIdsMax = 300;
/** The largest id is 31 bits long. */
const idMax = 2 ** 31 - 1;
/** Each question brings the search five times as near; so many reach it from any distance. */
const searchesMax = 40;
const step = 1.25;

const everyChatName = "*";

/**
 * Stands among the unread chats for all of a bot's: it may not list them, so its messages are read by their ids, which
 * count through all private chats. `beyondId` is the id up to which they are read; 0 for none yet.
 */
export const everyChat = (beyondId: number): ChatPeer => ({
  userId: everyChatName,
  accessHash: String(beyondId),
});

/** The id up to which every chat was read; null for a single chat. */
export const beyondIdOf = ({ userId, accessHash }: ChatPeer): number | null =>
  userId === everyChatName ? Number(accessHash) : null;

/** What the ids do not give back. */
export const pressesMissing = "presses of buttons, if there were any";

type ById = Pick<TelegramClient, "messagesById">;

/**
 * The newest id that was found of a message older than a date (Unix seconds), or `from`. Ids and dates rise together,
 * so the distance is found out by ids ever further apart.
 */
export async function newestIdBefore(
  client: ById,
  sinceDate: number,
  from: number,
): Promise<number> {
  let newest = from;
  for (let searches = 0; searches < searchesMax; searches += 1) {
    const found = await client.messagesById(idsAround(newest));
    const older = found.filter(({ date }) => date < sinceDate).map(({ messageId }) => messageId);
    const next = Math.max(newest, ...older);
    if (next === newest) break;
    newest = next;
  }
  return newest;
}

/** Ids beyond one, close together at first. */
function idsAround(id: number): readonly number[] {
  const ids = new Set<number>();
  for (let power = 0; ids.size < idsMax; power += 1) {
    const next = id + Math.floor(step ** power);
    if (next > idMax) break;
    ids.add(next);
  }
  return [...ids];
}

/**
 * The incoming messages beyond an id and since a date (Unix seconds), oldest first, page by page, until no further id
 * has a message. `readId`: the last id that had one.
 */
export async function* messagesBeyond(
  client: ById,
  { sinceDate, beyondId }: { readonly sinceDate: number; readonly beyondId: number },
): AsyncGenerator<ReadBack<Message> & { readonly readId: number }> {
  let [readId, askedId] = [beyondId, beyondId];
  while (askedId - readId < emptyIdsMax && askedId < idMax) {
    const count = Math.min(idsMax, idMax - askedId);
    const ids = Array.from({ length: count }, (_, index) => askedId + 1 + index);
    const found = await client.messagesById(ids);
    askedId += count;
    readId = Math.max(readId, ...found.map(({ messageId }) => messageId));
    yield { found: incoming(found, sinceDate), missing: [], readId };
  }
}

const incoming = (found: readonly DatedMessage[], sinceDate: number): readonly Message[] =>
  found
    .flatMap(({ message, date }) => (message !== null && date >= sinceDate ? message : []))
    .filter(({ outgoing }) => !outgoing)
    .toSorted((a, b) => a.messageId - b.messageId);
