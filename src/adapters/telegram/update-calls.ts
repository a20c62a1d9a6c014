import { Long, type tl } from "@mtcute/core";
import type { ChatPeer, PrivateChat } from "../../ports/telegram/telegram.ts";
import type { Calls, RawCall } from "./raw-call.ts";
import { serviceUserId } from "../../ports/telegram/service-account.ts";
import type { Message, Reader } from "./update-reader.ts";

type UpdateCalls = Pick<Calls, "cursor" | "difference" | "history" | "messagesById" | "dialogs">;

const dialogsPerPage = 100;
/** Groups and channels may fill this many pages before a private chat is found. */
const dialogPagesMax = 10;

/** The calls that read: the state of updates, what came since, histories and dialogs. */
export function createUpdateCalls(call: RawCall, reader: Reader): UpdateCalls {
  const messagesIn = (raw: readonly tl.TypeMessage[]): Message[] =>
    raw.map(reader.message).filter((message) => message !== null);

  return {
    async cursor() {
      const { pts, qts, date, seq } = await call({ _: "updates.getState" });
      return { pts, qts, date, seq };
    },
    async difference({ pts, qts, date }) {
      const found = await call({ _: "updates.getDifference", pts, qts, date });
      switch (found._) {
        case "updates.differenceEmpty":
          return {
            kind: "last",
            updates: [],
            cursor: { pts, qts, date: found.date, seq: found.seq },
          };
        case "updates.differenceTooLong":
          return { kind: "too-long", pts: found.pts };
        case "updates.difference":
        case "updates.differenceSlice": {
          reader.meet(found.users);
          const state = found._ === "updates.difference" ? found.state : found.intermediateState;
          const taps = found.otherUpdates.flatMap((update) =>
            update._ === "updateBotCallbackQuery" ? (reader.tap(update) ?? []) : [],
          );
          return {
            kind: found._ === "updates.difference" ? "last" : "part",
            updates: [...messagesIn(found.newMessages), ...taps],
            cursor: { pts: state.pts, qts: state.qts, date: state.date, seq: state.seq },
          };
        }
      }
    },
    async history(peer, { limit, beforeId = 0 }) {
      const found = await call({
        _: "messages.getHistory",
        peer: inputPeer(peer),
        offsetId: beforeId,
        offsetDate: 0,
        addOffset: 0,
        limit,
        maxId: 0,
        minId: 0,
        hash: Long.ZERO,
      });
      if (found._ === "messages.messagesNotModified") return [];
      reader.meet(found.users);
      return messagesIn(found.messages);
    },
    async messagesById(ids) {
      const found = await call({
        _: "messages.getMessages",
        id: ids.map((id) => ({ _: "inputMessageID", id })),
      });
      if (found._ === "messages.messagesNotModified") return [];
      reader.meet(found.users);
      return found.messages.flatMap((raw) =>
        raw._ === "messageEmpty"
          ? []
          : [{ messageId: raw.id, date: raw.date, message: reader.message(raw) }],
      );
    },
    async dialogs(limit) {
      const chats: PrivateChat[] = [];
      let offset: Offset | null = firstOffset;
      for (
        let page = 0;
        offset !== null && page < dialogPagesMax && chats.length < limit;
        page += 1
      ) {
        const found: tl.messages.TypeDialogs = await call({
          _: "messages.getDialogs",
          ...offset,
          limit: dialogsPerPage,
          hash: Long.ZERO,
        });
        if (found._ === "messages.dialogsNotModified") break;
        reader.meet(found.users);
        chats.push(...privateChatsIn(found, reader));
        offset = found._ === "messages.dialogsSlice" ? offsetBehind(found) : null;
      }
      return chats.slice(0, limit);
    },
  };
}

type Dialogs = tl.messages.RawDialogs | tl.messages.RawDialogsSlice;
type Offset = Pick<
  tl.messages.RawGetDialogsRequest,
  "offsetDate" | "offsetId" | "offsetPeer" | "excludePinned"
>;

const firstOffset: Offset = { offsetDate: 0, offsetId: 0, offsetPeer: { _: "inputPeerEmpty" } };

function privateChatsIn(found: Dialogs, reader: Reader): PrivateChat[] {
  return found.dialogs.flatMap((dialog) => {
    if (dialog._ !== "dialog" || dialog.peer._ !== "peerUser") return [];
    const { userId } = dialog.peer;
    // Reading the service account back would bring old login codes up again.
    if (userId === serviceUserId) return [];
    const topDate = dateOf(found, dialog);
    const chat = { peer: reader.peer(userId), topMessageId: dialog.topMessage };
    return [topDate === null ? chat : { ...chat, topDate }];
  });
}

/** Where the next page begins (https://core.telegram.org/api/offsets); null when this page cannot say it. */
function offsetBehind(found: Dialogs): Offset | null {
  const last = found.dialogs.findLast((dialog) => dialog._ === "dialog" && !dialog.pinned);
  if (last?._ !== "dialog") return null;
  const offsetDate = dateOf(found, last);
  return offsetDate === null
    ? null
    : {
        offsetDate,
        offsetId: last.topMessage,
        offsetPeer: { _: "inputPeerEmpty" },
        excludePinned: true,
      };
}

function dateOf(found: Dialogs, { peer, topMessage }: tl.RawDialog): number | null {
  const top = found.messages.find(
    (message) =>
      message.id === topMessage && message._ !== "messageEmpty" && isSamePeer(message.peerId, peer),
  );
  return top === undefined || top._ === "messageEmpty" ? null : top.date;
}

/** Ids of messages count in each channel by themselves. */
const isSamePeer = (one: tl.TypePeer, other: tl.TypePeer): boolean =>
  JSON.stringify(one) === JSON.stringify(other);

/** The chat user as an argument of Telegram's methods. */
export function inputPeer({ userId, accessHash }: ChatPeer): tl.TypeInputPeer {
  return {
    _: "inputPeerUser",
    userId: Number(userId),
    accessHash: Long.fromString(accessHash),
  };
}
