import type {
  AccountUpdate,
  TelegramClient,
  TelegramDriver,
  UpdateCursor,
} from "../../../ports/telegram/telegram.ts";
import { refused, TelegramError } from "../../../ports/telegram/telegram-error.ts";
import type { Kernel } from "../kernel.ts";
import { type SimAccount, unixSeconds, wallMs, type Wire } from "./sim-messenger.ts";
import { type ClientOf, createSimWire, type OpenOptions } from "./sim-wire.ts";
import { unregistered } from "./telegram-faults.ts";

/** Updates that one difference gives. */
const partSize = 15;
const tokenMs = 30_000;

/** The driver: clients of the simulated Telegram. */
export const createSimDriver = (of: ClientOf): TelegramDriver => ({
  name: "mtcute",
  open: (options) => createSimClient(of, options),
});

function createSimClient(of: ClientOf, options: OpenOptions): TelegramClient {
  const { kernel, messenger } = of;
  const wire = createSimWire(of, options);
  const { call, accountOf } = wire;
  const isBot = () => accountOf().kind === "bot";
  const authorised = ({ keyId }: Wire): void => {
    if (messenger.keys.get(keyId)?.state !== "authorised") throw new TelegramError(unregistered);
  };

  return {
    get keyId() {
      return wire.keyId;
    },
    serverSalt: null,
    get callsInFlight() {
      return wire.callsInFlight;
    },
    connect: wire.connect,
    close: wire.close,
    self: () =>
      call("users.getUsers", (through) => {
        authorised(through);
        const { userId, kind } = accountOf();
        const phone = kind === "bot" ? null : `+${userId}`;
        return { userId, isBot: kind === "bot", phone, username: null, firstName: null };
      }),
    cursor: () =>
      call("updates.getState", (through) => {
        authorised(through);
        return cursorAt(accountOf().pts, kernel);
      }),
    difference: (from) =>
      call("updates.getDifference", (through) => {
        authorised(through);
        const { updates, pts, forgottenPts } = accountOf();
        if (from.pts < forgottenPts) return { kind: "too-long", pts: forgottenPts } as const;
        const missed = updates.filter((one) => one.pts > from.pts);
        const part = missed.slice(0, partSize);
        const isLast = part.length === missed.length;
        const reached = isLast ? pts : part.at(-1)!.pts;
        return {
          kind: isLast ? "last" : "part",
          updates: part.map(({ update }) => update),
          cursor: cursorAt(reached, kernel),
        } as const;
      }),
    history: (peer, { limit, beforeId = Number.POSITIVE_INFINITY }) =>
      call("messages.getHistory", (through) => {
        authorised(through);
        if (isBot()) throw refused("BOT_METHOD_INVALID", "not for bots");
        return messagesWith(accountOf(), peer.userId)
          .filter(({ messageId }) => messageId < beforeId)
          .toSorted((a, b) => b.messageId - a.messageId)
          .slice(0, limit);
      }),
    messagesById: (ids) =>
      call("messages.getMessages", (through) => {
        authorised(through);
        return accountOf().updates.flatMap(({ update: message }) =>
          message.kind === "message" && ids.includes(message.messageId)
            ? [{ messageId: message.messageId, date: message.date, message }]
            : [],
        );
      }),
    dialogs: (limit) =>
      call("messages.getDialogs", (through) => {
        authorised(through);
        if (isBot()) throw refused("BOT_METHOD_INVALID", "not for bots");
        return dialogsOf(accountOf()).slice(0, limit);
      }),
    send: async ({ peer, text, randomId }) => {
      const message = { chatUser: peer.userId, text, randomId };
      const sending = await call(
        "messages.sendMessage",
        (through) => {
          authorised(through);
          return messenger.send(through, message);
        },
        { chat: `user ${peer.userId}`, afterMs: (made) => made.afterMs },
      );
      if ("code" in sending.answer) throw new TelegramError(sending.answer);
      return sending.answer;
    },
    signInBot: () =>
      call("auth.importBotAuthorization", ({ keyId: id }) => {
        messenger.keys.get(id)!.state = "authorised";
      }),
    loginToken: () =>
      call("auth.exportLoginToken", ({ keyId: id }) =>
        messenger.keys.get(id)!.state === "authorised"
          ? null
          : { token: Buffer.from(id), expiresAtMs: wallMs(kernel.nowMs) + tokenMs },
      ),
    acceptLoginToken: (token) =>
      call("auth.acceptLoginToken", (through) => {
        authorised(through);
        messenger.keys.get(Buffer.from(token).toString())!.state = "authorised";
      }),
    logOut: () =>
      call("auth.logOut", (through) => {
        authorised(through);
        messenger.logOut(messenger.keys.get(through.keyId)!);
      }),
    answerTap: () => call("messages.setBotCallbackAnswer", () => {}),
    requestCode: notHere,
    signIn: notHere,
    passwordHint: notHere,
    checkPassword: notHere,
    invoke: notHere,
  };
}

type Message = Extract<AccountUpdate, { kind: "message" }>;

const cursorAt = (pts: number, { nowMs }: Kernel): UpdateCursor => ({
  pts,
  qts: 0,
  date: unixSeconds(nowMs),
  seq: 0,
});

function dialogsOf({ updates }: SimAccount) {
  const newest = new Map<string, Message>();
  for (const { update } of updates) {
    if (update.kind === "message") newest.set(update.peer.userId, update);
  }
  return [...newest.values()]
    .toSorted((a, b) => b.messageId - a.messageId)
    .map(({ peer, messageId, date }) => ({ peer, topMessageId: messageId, topDate: date }));
}

const notHere = () => Promise.reject(refused("NOT_SIMULATED", "no seed asks for it"));

const messagesWith = ({ updates }: SimAccount, userId: string): Message[] =>
  updates.flatMap(({ update }) =>
    update.kind === "message" && update.peer.userId === userId ? [update] : [],
  );
