import type { TelegramClient, TelegramFault } from "../../../src/ports/telegram.ts";
import { TelegramError } from "../../../src/ports/telegram-error.ts";

type Message = Parameters<TelegramClient["send"]>[0];

export interface Arrived extends Message {
  readonly messageId: number;
}

/**
 * The fate of one call of `send`: nothing unusual, or a fault before or after Telegram took the
 * message.
 */
export type SendFault = { readonly fault: TelegramFault; readonly arrives: boolean } | null;

/** The sending half of Telegram: chats, `random_id`, and faults on request. */
export interface TestTelegram {
  readonly client: Pick<TelegramClient, "send" | "history">;
  readonly arrived: readonly Arrived[];
  /** Texts that a chat shows, in order. */
  texts(userId: string): readonly string[];
  /** Calls of `send`, arrived or not. */
  readonly sends: number;
  readonly historyReads: number;
  /** Decides about each call of `send`. */
  onSend: (message: Message) => SendFault | Promise<SendFault>;
  /** Telegram lets bots send but not read. */
  readable: boolean;
  /** A message that the account sent from somewhere else. */
  sendByHand(message: Message): void;
}

export const faults = {
  lost: { code: "CONNECTION_LOST", kind: "unknown", message: "the wire broke" },
  blocked: { code: "USER_IS_BLOCKED", kind: "refused", message: "the user blocked the account" },
  flood: { code: "FLOOD_WAIT", kind: "flood", waitSeconds: 7, message: "wait 7 seconds" },
  dead: { code: "AUTH_KEY_DUPLICATED", kind: "dead-key", message: "two connections" },
  duplicate: { code: "RANDOM_ID_DUPLICATE", kind: "refused", message: "known random_id" },
  notForBots: { code: "BOT_METHOD_INVALID", kind: "refused", message: "not for bots" },
} as const satisfies Readonly<Record<string, TelegramFault>>;

/** Above the ids of the answered messages. */
export const firstMessageId = 1_000_000;

export function createTestTelegram(): TestTelegram {
  const arrived: Arrived[] = [];
  let sends = 0;
  let historyReads = 0;

  function take(message: Message): { readonly messageId: number } {
    const messageId = firstMessageId + arrived.length;
    arrived.push({ ...message, messageId });
    return { messageId };
  }

  const telegram: TestTelegram = {
    arrived,
    readable: true,
    onSend: () => null,
    get sends() {
      return sends;
    },
    get historyReads() {
      return historyReads;
    },
    texts: (userId) => arrived.filter(({ peer }) => peer.userId === userId).map(({ text }) => text),
    sendByHand: take,
    client: {
      async send(message) {
        sends += 1;
        const planned = await telegram.onSend(message);
        const known = arrived.some(({ randomId }) => randomId === message.randomId);
        if (planned?.arrives === true && !known) take(message);
        if (planned !== null) throw new TelegramError(planned.fault);
        if (known) throw new TelegramError(faults.duplicate);
        return take(message);
      },
      async history(peer, { limit, beforeId = Number.POSITIVE_INFINITY }) {
        historyReads += 1;
        if (!telegram.readable) throw new TelegramError(faults.notForBots);
        return arrived
          .filter((message) => message.peer.userId === peer.userId && message.messageId < beforeId)
          .toReversed()
          .slice(0, limit)
          .map(({ messageId, text }) => ({
            kind: "message",
            peer,
            messageId,
            text,
            outgoing: true,
            date: 0,
          }));
      },
    },
  };
  return telegram;
}
