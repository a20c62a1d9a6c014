import type { ChatPeer, TelegramClient } from "../../ports/telegram/telegram.ts";
import { TelegramError } from "../../ports/telegram/telegram-error.ts";

/** Addresses of chats that Telegram has refused, and their better ones. */
export interface FreshPeers {
  /** The address that last did, or this one. */
  of(peer: ChatPeer): ChatPeer;
  /** Another address of the same chat; null: there is none. */
  fetch(refused: ChatPeer): Promise<ChatPeer | null>;
}

const dialogsMax = 100;
const keptMax = 1000;
/** Telegram takes it from a bot, for anyone who has written to the bot (https://core.telegram.org/api/peers). */
const hashForBots = "0";

/** A later message of the person brings a right address by itself; these are kept in memory alone. */
export function createFreshPeers(client: Pick<TelegramClient, "dialogs">): FreshPeers {
  const found = new Map<string, ChatPeer>();

  function keep(peer: ChatPeer): ChatPeer {
    if (found.size >= keptMax) found.clear();
    found.set(peer.userId, peer);
    return peer;
  }

  /** Bots may not list their chats. */
  async function listed(userId: string): Promise<ChatPeer | null> {
    try {
      const dialogs = await client.dialogs(dialogsMax);
      return dialogs.find(({ peer }) => peer.userId === userId)?.peer ?? null;
    } catch (error) {
      if (!(error instanceof TelegramError) || error.fault.kind !== "refused") throw error;
      return { userId, accessHash: hashForBots };
    }
  }

  return {
    of: (peer) => found.get(peer.userId) ?? peer,
    async fetch(refused) {
      const peer = await listed(refused.userId);
      if (peer === null || peer.accessHash === refused.accessHash) {
        found.delete(refused.userId);
        return null;
      }
      return keep(peer);
    },
  };
}
