import type { TelegramWait } from "../ports/telegram/waits.ts";

/** A method that an account leaves alone, as Telegram ordered. */
export interface ShownWait {
  /** Its TL name. */
  readonly method: string;
  /** For so many chats alone; null: for every call. */
  readonly chats: number | null;
  /** ISO 8601; of several chats, the last end. */
  readonly until: string;
}

/** An account's waits for people and scripts, by method. Names no chat. */
export function shownWaits(waits: readonly TelegramWait[]): readonly ShownWait[] {
  const everywhere = waits.filter(({ chat }) => chat === null);
  const byMethod = Map.groupBy(
    waits.filter(({ chat }) => chat !== null),
    ({ method }) => method,
  );
  return [
    ...everywhere.map(({ method, untilMs }) => ({ method, chats: null, until: iso(untilMs) })),
    ...[...byMethod].map(([method, ofChats]) => ({
      method,
      chats: ofChats.length,
      until: iso(Math.max(...ofChats.map(({ untilMs }) => untilMs))),
    })),
  ].toSorted((a, b) => a.method.localeCompare(b.method));
}

const iso = (ms: number): string => new Date(ms).toISOString();
