import type { JsonObject, JsonValue, TelegramClient } from "../ports/telegram/telegram.ts";
import type { AccountWaits, CalledMethod } from "./waits.ts";

/** Telegram's method behind each call of the port; https://core.telegram.org/methods */
const methodOf = {
  self: "users.getUsers",
  requestCode: "auth.sendCode",
  signIn: "auth.signIn",
  passwordHint: "account.getPassword",
  checkPassword: "auth.checkPassword",
  loginToken: "auth.exportLoginToken",
  acceptLoginToken: "auth.acceptLoginToken",
  signInBot: "auth.importBotAuthorization",
  logOut: "auth.logOut",
  cursor: "updates.getState",
  difference: "updates.getDifference",
  history: "messages.getHistory",
  messagesById: "messages.getMessages",
  dialogs: "messages.getDialogs",
  send: "messages.sendMessage",
  answerTap: "messages.setBotCallbackAnswer",
} as const satisfies Partial<Readonly<Record<keyof TelegramClient, string>>>;

const everywhere = (name: keyof typeof methodOf): CalledMethod => ({
  method: methodOf[name],
  chat: null,
});

/** The first call of a connection that serves: it says whose key it is. */
export const firstOfServing: CalledMethod = everywhere("self");
/** The one call of a connection that ends a session. */
export const callOfLogOut: CalledMethod = everywhere("logOut");

/**
 * A client that keeps to the account's waits: a call under one is refused with the rest of it, and Telegram is not
 * asked. A wait rests the method for every caller of the account. A send's rests its chat alone; where a second chat
 * meets one before anything was sent, the account is meant.
 * @param onSilence the whole account is to send nothing for so many seconds
 */
export function createWaitingClient(
  client: TelegramClient,
  waits: AccountWaits,
  onSilence?: (seconds: number) => void,
): TelegramClient {
  const called = <Answer>(
    name: keyof typeof methodOf,
    work: () => Promise<Answer>,
  ): Promise<Answer> => waits.call(everywhere(name), work);

  return {
    get keyId() {
      return client.keyId;
    },
    get serverSalt() {
      return client.serverSalt;
    },
    get callsInFlight() {
      return client.callsInFlight;
    },
    connect: () => client.connect(),
    close: () => client.close(),
    self: () => called("self", () => client.self()),
    requestCode: (phone) => called("requestCode", () => client.requestCode(phone)),
    signIn: (login) => called("signIn", () => client.signIn(login)),
    passwordHint: () => called("passwordHint", () => client.passwordHint()),
    checkPassword: (password) => called("checkPassword", () => client.checkPassword(password)),
    loginToken: () => called("loginToken", () => client.loginToken()),
    acceptLoginToken: (token) => called("acceptLoginToken", () => client.acceptLoginToken(token)),
    signInBot: (token) => called("signInBot", () => client.signInBot(token)),
    logOut: () => called("logOut", () => client.logOut()),
    cursor: () => called("cursor", () => client.cursor()),
    difference: (from) => called("difference", () => client.difference(from)),
    history: (peer, range) => called("history", () => client.history(peer, range)),
    messagesById: (ids) => called("messagesById", () => client.messagesById(ids)),
    dialogs: (limit) => called("dialogs", () => client.dialogs(limit)),
    send: (message) =>
      waits.call(
        { method: methodOf.send, chat: `user ${message.peer.userId}` },
        () => client.send(message),
        onSilence,
      ),
    answerTap: (queryId) => called("answerTap", () => client.answerTap(queryId)),
    invoke: (method, params) =>
      waits.call(
        { method, chat: chatOf(method, params) },
        () => client.invoke(method, params),
        onSilence,
      ),
  };
}

/** Methods that write to one chat: `messages.sendMedia`, `messages.forwardMessages` and their like. */
const sending = /^messages\.(?:send|forward|setTyping)/;
const chatNumbers = ["userId", "chatId", "channelId"] as const;

/** The chat that a raw call sends to, as `user 42`; null for a call that sends to none. */
function chatOf(method: string, { peer, toPeer }: JsonObject): string | null {
  const to = toPeer ?? peer;
  if (!sending.test(method) || to === undefined) return null;
  if (!isObject(to)) return "unknown";
  const field = chatNumbers.find((name) => to[name] !== undefined);
  if (field === undefined) return textOf(to["_"]);
  const number = to[field];
  return `${field.replace("Id", "")} ${textOf(isObject(number) ? number["$long"] : number)}`;
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const textOf = (value: JsonValue | undefined): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "unknown";
