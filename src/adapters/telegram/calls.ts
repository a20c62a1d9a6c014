import { Long, type tl } from "@mtcute/core";
import type { ChatPeer, TelegramDriverOptions } from "../../ports/telegram/telegram.ts";
import { refused, TelegramError } from "../../ports/telegram/telegram-error.ts";
import { fromTl, toTl } from "./tl-json.ts";
import { createLoginCalls } from "./login-calls.ts";
import type { Calls, RawCall } from "./raw-call.ts";
import { type Message, type Reader, serviceUserId } from "./update-reader.ts";

/** Telegram's limit (https://core.telegram.org/constructor/keyboardButtonCallback). */
const buttonDataBytesMax = 64;

/**
 * The calls of the port as Telegram's methods. `tell` takes the updates that Telegram puts into the answer of a
 * call, as it pushes them to other connections only. `write` gives a call's bytes, or throws.
 */
export function createTelegramCalls(
  call: RawCall,
  reader: Reader,
  app: Pick<TelegramDriverOptions, "apiId" | "apiHash">,
  tell: (updates: tl.TypeUpdates) => void,
  write: (query: tl.RpcMethod) => Uint8Array,
): Calls {
  return {
    ...createLoginCalls(call, app),
    ...createUpdateCalls(call, reader),
    async send({ peer, text, buttons = [], randomId }) {
      refuseLongData(buttons);
      const sent = await call({
        _: "messages.sendMessage",
        peer: inputPeer(peer),
        message: text,
        randomId: Long.fromString(randomId),
        noWebpage: true,
        ...(buttons.length === 0 ? {} : { replyMarkup: keyboard(buttons) }),
      });
      tell(sent);
      const messageId = messageIdIn(sent, randomId);
      if (messageId !== null) return { messageId };
      throw new TelegramError({
        code: "SEND_UNCONFIRMED",
        kind: "unknown",
        message: `Telegram's answer ${sent._} does not name the message`,
      });
    },
    async invoke(method, params) {
      const query = toTl({ ...params, _: method }) as tl.RpcMethod;
      refuseMalformed(query, write);
      const answer: unknown = await call(query);
      if (method.startsWith("messages.") && isUpdates(answer)) tell(answer);
      return fromTl(answer);
    },
    async answerTap(queryId) {
      await call({
        _: "messages.setBotCallbackAnswer",
        queryId: Long.fromString(queryId),
        cacheTime: 0,
      });
    },
  };
}

type UpdateCalls = Pick<Calls, "cursor" | "difference" | "history" | "dialogs">;

function createUpdateCalls(call: RawCall, reader: Reader): UpdateCalls {
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

/** What a call brought about is told in its answer only. */
function isUpdates(answer: unknown): answer is tl.TypeUpdates {
  const name = typeof answer === "object" && answer !== null && "_" in answer ? answer._ : null;
  return name === "updates" || name === "updatesCombined" || name === "updateShortSentMessage";
}

function inputPeer({ userId, accessHash }: ChatPeer): tl.TypeInputPeer {
  return {
    _: "inputPeerUser",
    userId: Number(userId),
    accessHash: Long.fromString(accessHash),
  };
}

/** What a library takes for one message. */
const queryBytesMax = 1_000_000;

/** Found out before anything is sent, so that the outcome is known. */
function refuseMalformed(query: tl.RpcMethod, write: (query: tl.RpcMethod) => Uint8Array): void {
  try {
    const bytes = write(query).length;
    if (bytes > queryBytesMax) throw new Error(`it has ${bytes} bytes, more than ${queryBytesMax}`);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw refused("CALL_MALFORMED", `nothing was sent: ${query._} cannot be written: ${why}`);
  }
}

type Buttons = readonly { readonly label: string; readonly data: string }[];

function refuseLongData(buttons: Buttons): void {
  const long = buttons.find(({ data }) => Buffer.byteLength(data) > buttonDataBytesMax);
  if (long === undefined) return;
  throw refused(
    "BUTTON_DATA_INVALID",
    `nothing was sent: the data of the button "${long.label}" has more than ${buttonDataBytesMax} bytes`,
  );
}

function keyboard(buttons: Buttons): tl.TypeReplyMarkup {
  return {
    _: "replyInlineMarkup",
    rows: buttons.map(({ label, data }) => ({
      _: "keyboardButtonRow",
      buttons: [{ _: "keyboardButtonCallback", text: label, data: Buffer.from(data) }],
    })),
  };
}

function messageIdIn(sent: tl.TypeUpdates, randomId: string): number | null {
  if (sent._ === "updateShortSentMessage") return sent.id;
  if (sent._ !== "updates" && sent._ !== "updatesCombined") return null;
  for (const update of sent.updates) {
    if (update._ === "updateMessageID" && update.randomId.toString() === randomId) return update.id;
  }
  return null;
}
