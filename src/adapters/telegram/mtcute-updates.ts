import type { tl } from "@mtcute/core";
import type { AccountUpdate, ChatPeer, PushedUpdate } from "../../ports/telegram.ts";

/** Telegram's own account, whose messages may carry login codes. */
const serviceUserId = 777000;

/** What an update says; `complete: false` where a peer's access hash is not known, so that it must be fetched. */
export interface Reader {
  /** Remembers the access hashes of users. */
  meet(users: readonly tl.TypeUser[]): void;
  peer(userId: number): ChatPeer | null;
  /** null for what is no private message, or one of the service account, which is told apart. */
  message(message: tl.TypeMessage): Extract<AccountUpdate, { kind: "message" }> | null;
  /** `null`: something that must be fetched. */
  pushed(updates: tl.TypeUpdates): readonly PushedUpdate[] | null;
}

export function createUpdateReader(onServiceMessage: (text: string) => void): Reader {
  const hashes = new Map<number, string>();

  const peer = (userId: number): ChatPeer | null => {
    const accessHash = hashes.get(userId);
    return accessHash === undefined ? null : { userId: String(userId), accessHash };
  };

  function message(raw: tl.TypeMessage): Extract<AccountUpdate, { kind: "message" }> | null {
    if (raw._ !== "message" || raw.peerId._ !== "peerUser") return null;
    const { userId } = raw.peerId;
    const outgoing = raw.out === true;
    if (userId === serviceUserId) {
      if (!outgoing) onServiceMessage(raw.message);
      return null;
    }
    const known = peer(userId);
    if (known === null) return null;
    const { id: messageId, message: text, date } = raw;
    return { kind: "message", peer: known, messageId, text, outgoing, date };
  }

  function one(update: tl.TypeUpdate): PushedUpdate | null {
    switch (update._) {
      case "updateNewMessage": {
        const { message: raw, pts, ptsCount } = update;
        const from = raw._ === "message" && raw.peerId._ === "peerUser" ? raw.peerId.userId : null;
        if (from !== null && from !== serviceUserId && peer(from) === null) return null;
        return { update: message(raw), pts, ptsCount };
      }
      case "updateBotCallbackQuery": {
        const known = peer(update.userId.valueOf());
        if (known === null) return null;
        const tap: AccountUpdate = {
          kind: "tap",
          peer: known,
          messageId: update.msgId,
          data: Buffer.from(update.data ?? []).toString("utf8"),
          queryId: update.queryId.toString(),
        };
        return { update: tap, pts: null, ptsCount: 0 };
      }
      default: {
        const { pts, ptsCount } = update as { readonly pts?: number; readonly ptsCount?: number };
        const isChannel = "channelId" in update || update._.includes("Channel");
        if (pts === undefined || ptsCount === undefined || isChannel) {
          return { update: null, pts: null, ptsCount: 0 };
        }
        return { update: null, pts, ptsCount };
      }
    }
  }

  return {
    meet(users) {
      for (const user of users) {
        if (user._ === "user" && user.accessHash !== undefined && user.min !== true) {
          hashes.set(user.id, user.accessHash.toString());
        }
      }
    },
    peer,
    message,
    pushed(updates) {
      switch (updates._) {
        case "updates":
        case "updatesCombined": {
          this.meet(updates.users);
          const read = updates.updates.map(one);
          return read.includes(null) ? null : (read as PushedUpdate[]);
        }
        case "updateShort": {
          const read = one(updates.update);
          return read === null ? null : [read];
        }
        default:
          return null;
      }
    },
  };
}
