import { Long, type tl } from "@mtcute/core";
import type { ChatPeer } from "../../ports/telegram/telegram.ts";
import type { Calls, RawCall } from "./raw-call.ts";
import { serviceUserId } from "../../ports/telegram/service-account.ts";
import type { Message, Reader } from "./update-reader.ts";

type UpdateCalls = Pick<Calls, "cursor" | "difference" | "history" | "dialogs">;

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
    async dialogs(limit) {
      const found = await call({
        _: "messages.getDialogs",
        offsetDate: 0,
        offsetId: 0,
        offsetPeer: { _: "inputPeerEmpty" },
        limit,
        hash: Long.ZERO,
      });
      if (found._ === "messages.dialogsNotModified") return [];
      reader.meet(found.users);
      return found.dialogs.flatMap((dialog) => {
        if (dialog._ !== "dialog" || dialog.peer._ !== "peerUser") return [];
        const { userId } = dialog.peer;
        // Reading the service account back would bring old login codes up again.
        if (userId === serviceUserId) return [];
        return [{ peer: reader.peer(userId), topMessageId: dialog.topMessage }];
      });
    },
  };
}

/** The chat user as an argument of Telegram's methods. */
export function inputPeer({ userId, accessHash }: ChatPeer): tl.TypeInputPeer {
  return {
    _: "inputPeerUser",
    userId: Number(userId),
    accessHash: Long.fromString(accessHash),
  };
}
