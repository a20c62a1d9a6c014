import type { tl } from "@mtcute/core";
import type {
  AccountUpdate,
  ChatPeer,
  PushedUpdate,
  TelegramClientEvents,
} from "../../ports/telegram/telegram.ts";
import {
  namesServiceAccount,
  serviceUserId,
  withheldText,
} from "../../ports/telegram/service-account.ts";
import { createAccessHashes } from "./access-hashes.ts";
import { createUnusualSenders } from "./unusual-senders.ts";
import { createKnownWriters } from "./known-writers.ts";
import { mediaIn } from "./message-media.ts";
import { fromTl } from "./tl-json.ts";

/** Users remembered. */
const usersMax = 20_000;
/**
 * Stands for an access hash that Telegram did not give. An answer to it fails, and that is seen; a
 * lost message is not.
 */
const unknownHash = "0";

export type Message = Extract<AccountUpdate, { kind: "message" }>;

/** Reads Telegram's objects as the port's. Messages of the service account are told apart and never come out. */
export interface Reader {
  /** Remembers the access hashes of users. */
  meet(users: readonly tl.TypeUser[]): void;
  peer(userId: number): ChatPeer;
  /** null for any other message than a private one, and for one of the service account. */
  message(raw: tl.TypeMessage): Message | null;
  /** null for a button press that is not in a private chat or carries no data. */
  tap(raw: tl.RawUpdateBotCallbackQuery): AccountUpdate | null;
  /**
   * In order. What must be fetched, as a user's access hash is not known, is asked for in its place; the fetch brings
   * every counted update behind it too. `null`: nothing but a fetch.
   */
  pushed(updates: tl.TypeUpdates): readonly PushedUpdate[] | null;
}

type ToldApart = Pick<TelegramClientEvents, "onServiceMessage" | "onLoginToken" | "onDyingKey">;

export function createUpdateReader({
  onServiceMessage,
  onLoginToken,
  onDyingKey,
}: ToldApart): Reader {
  const hashes = createAccessHashes(usersMax);
  const senders = createUnusualSenders(usersMax);
  const writers = createKnownWriters(usersMax);

  function meet(users: readonly tl.TypeUser[]): void {
    for (const user of users) {
      if (user._ !== "user") continue;
      senders.meet(user);
      writers.meet(user);
      hashes.meet(user);
    }
  }

  const peer = (userId: number): ChatPeer => ({
    userId: String(userId),
    accessHash: hashes.of(userId) ?? unknownHash,
  });

  /** What is told of the user beside the address. */
  const toldOf = (userId: number) => ({ ...senders.of(userId), ...writers.of(userId) });

  function privateMessage(raw: ShortMessage): Message | null {
    const { userId, ...told } = raw;
    const { text, outgoing } = told;
    if (userId !== serviceUserId) {
      return { kind: "message", peer: peer(userId), ...toldOf(userId), ...told };
    }
    if (!outgoing) onServiceMessage(text);
    return null;
  }

  function message(raw: tl.TypeMessage): Message | null {
    if (raw._ !== "message" || raw.peerId._ !== "peerUser") return null;
    const media = mediaIn(raw);
    return privateMessage({
      userId: raw.peerId.userId,
      messageId: raw.id,
      text: isForwardedFromService(raw.fwdFrom) ? withheldText : raw.message,
      outgoing: raw.out === true,
      date: raw.date,
      ...(media !== null && { media }),
    });
  }

  const tap = (raw: tl.RawUpdateBotCallbackQuery): AccountUpdate | null =>
    pressIn(raw, { peer: peer(raw.userId), ...toldOf(raw.userId) });

  /** Telegram gives no hash of a deleted user, however often it is asked. */
  const isMet = (userId: number): boolean => hashes.has(userId) || senders.isDeleted(userId);

  function isKnown(update: tl.TypeUpdate): boolean {
    const userId = userOf(update);
    return userId === null || userId === serviceUserId || isMet(userId);
  }

  function one(update: tl.TypeUpdate): PushedUpdate {
    if (update._ === "updateLoginToken") onLoginToken();
    const isWarning = update._ === "updateServiceNotification";
    if (isWarning && update.type.startsWith("AUTH_KEY_DROP_")) onDyingKey(update.type);
    if (update._ === "updatePtsChanged") return { ...uncounted, ask: "state" };
    if (update._ === "updateBotCallbackQuery") return { ...uncounted, update: tap(update) };
    const read = update._ === "updateNewMessage" ? message(update.message) : null;
    return { update: read, ...sequenceOf(update) };
  }

  /** A counted update behind one of an unknown user is left to the fetch: told here, a code would be told twice. */
  function several(updates: readonly tl.TypeUpdate[]): readonly PushedUpdate[] | null {
    const read: PushedUpdate[] = [];
    let asked = false;
    for (const update of updates) {
      if (asked && sequenceOf(update).pts !== null) continue;
      if (isKnown(update)) {
        read.push(one(update));
        continue;
      }
      asked = true;
      read.push({ ...uncounted, ask: "fetch" });
    }
    return asked && read.length === 1 ? null : read;
  }

  return {
    meet,
    peer,
    message,
    tap,
    pushed(updates) {
      switch (updates._) {
        case "updates":
        case "updatesCombined":
          meet(updates.users);
          return several(updates.updates);
        case "updateShort":
          return several([updates.update]);
        case "updateShortMessage": {
          const { userId, pts, ptsCount, id: messageId, date } = updates;
          const text = isForwardedFromService(updates.fwdFrom) ? withheldText : updates.message;
          if (userId !== serviceUserId && !isMet(userId)) return null;
          const outgoing = updates.out === true;
          const update = privateMessage({ userId, messageId, text, outgoing, date });
          return [{ update, pts, ptsCount }];
        }
        case "updateShortChatMessage":
        case "updateShortSentMessage":
          return [{ update: null, pts: updates.pts, ptsCount: updates.ptsCount }];
        case "updatesTooLong":
          return null;
      }
    },
  };
}

/** @param by who pressed */
function pressIn(
  raw: tl.RawUpdateBotCallbackQuery,
  by: Pick<Extract<AccountUpdate, { kind: "tap" }>, "peer" | "sender" | "from">,
): AccountUpdate | null {
  if (raw.peer._ !== "peerUser" || raw.data === undefined) return null;
  return {
    kind: "tap",
    ...by,
    messageId: raw.msgId,
    data: Buffer.from(raw.data).toString("utf8"),
    queryId: raw.queryId.toString(),
  };
}

const uncounted: PushedUpdate = { update: null, pts: null, ptsCount: 0 };

interface ShortMessage extends Omit<Message, "kind" | "peer" | "sender" | "from"> {
  readonly userId: number;
}

/** A forwarded login code stays one (I7). */
const isForwardedFromService = (header: tl.TypeMessageFwdHeader | undefined): boolean =>
  header !== undefined && namesServiceAccount(fromTl(header));

/** The user whose access hash the update needs. A press needs none: only bots get it, and they may answer without. */
function userOf(update: tl.TypeUpdate): number | null {
  if (update._ !== "updateNewMessage" || update.message._ !== "message") return null;
  const { peerId } = update.message;
  return peerId._ === "peerUser" ? peerId.userId : null;
}

/** An update's place in the common message box; channels count by themselves. */
function sequenceOf(update: tl.TypeUpdate): Pick<PushedUpdate, "pts" | "ptsCount"> {
  const isCommon = "pts" in update && "ptsCount" in update && !update._.includes("Channel");
  return isCommon && update.pts !== undefined && update.ptsCount !== undefined
    ? { pts: update.pts, ptsCount: update.ptsCount }
    : { pts: null, ptsCount: 0 };
}
