import { Long, type tl } from "@mtcute/core";
import type { TelegramDriverOptions } from "../../ports/telegram/telegram.ts";
import { refused, TelegramError } from "../../ports/telegram/telegram-error.ts";
import { misfitIn } from "./field-kinds.ts";
import { fromTl, toTl } from "./tl-json.ts";
import { createLoginCalls } from "./login-calls.ts";
import type { Calls, RawCall } from "./raw-call.ts";
import { createUpdateCalls, inputPeer } from "./update-calls.ts";
import type { Reader } from "./update-reader.ts";

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

/** What a call brought about is told in its answer only. */
function isUpdates(answer: unknown): answer is tl.TypeUpdates {
  const name = typeof answer === "object" && answer !== null && "_" in answer ? answer._ : null;
  return name === "updates" || name === "updatesCombined" || name === "updateShortSentMessage";
}

/** What a library takes for one message. */
const queryBytesMax = 1_000_000;

/** Found out before anything is sent, so that the outcome is known. */
function refuseMalformed(query: tl.RpcMethod, write: (query: tl.RpcMethod) => Uint8Array): void {
  const misfit = misfitIn(query);
  if (misfit !== null) {
    throw refused("CALL_MALFORMED", `nothing was sent: ${query._} cannot be written: ${misfit}`);
  }
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
