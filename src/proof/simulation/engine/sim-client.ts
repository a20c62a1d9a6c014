import type {
  AccountUpdate,
  TelegramClient,
  TelegramDriver,
  TelegramFault,
  UpdateCursor,
} from "../../../ports/telegram/telegram.ts";
import { refused, TelegramError } from "../../../ports/telegram/telegram-error.ts";
import type { Kernel, SimProcess } from "../kernel.ts";
import { type SimAccount, type SimMessenger, unixSeconds, type Wire } from "./sim-messenger.ts";

type OpenOptions = Parameters<TelegramDriver["open"]>[0];

/** Whose client it is. */
export interface ClientOf {
  readonly kernel: Kernel;
  readonly process: SimProcess;
  readonly incarnation: string;
  readonly messenger: SimMessenger;
  /** The account and slot that a dialled socket is of; null: it was cut. */
  grantOf(socket: unknown): { readonly account: string; readonly slot: number } | null;
}

const latencyMsMax = 40;
const reconnectMs = 800;
/** Updates that one difference gives. */
const partSize = 15;

/** The driver: clients of the simulated Telegram. */
export const createSimDriver = (of: ClientOf): TelegramDriver => ({
  name: "mtcute",
  open: (options) => createSimClient(of, options),
});

function createSimClient(of: ClientOf, options: OpenOptions): TelegramClient {
  const { kernel, process, messenger } = of;
  const { events } = options;
  const read = options.session === null ? null : Buffer.from(options.session).toString();
  let keyId = read;
  let wire: Wire | null = null;
  let isClosed = false;
  let callsInFlight = 0;
  const pending = new Set<(fault: TelegramFault) => void>();
  const isBot = () => accountOf().kind === "bot";
  const accountOf = (): SimAccount => messenger.accounts.get(wire!.account)!;

  function rejectPending(fault: TelegramFault): void {
    for (const reject of [...pending]) reject(fault);
  }

  /** One call: `run` is carried out at Telegram, unless it answers a fault or a wait. */
  function call<Answer>(
    method: string,
    run: (wire: Wire) => Answer,
    { chat = null, afterMs }: { chat?: string | null; afterMs?: (answer: Answer) => number } = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (isClosed || wire === null) return reject(new TelegramError(closed));
      const through = wire;
      callsInFlight += 1;
      let isOpen = true;
      const settle = (outcome: () => void) => {
        if (!isOpen) return;
        isOpen = false;
        callsInFlight -= 1;
        pending.delete(fail);
        outcome();
      };
      const fail = (fault: TelegramFault) => settle(() => reject(new TelegramError(fault)));
      pending.add(fail);
      kernel.at(kernel.random.next() * latencyMsMax, () => {
        if (!through.isOpen) return process.deliver(0, () => fail(lost));
        let answer: () => void;
        let takesMs = kernel.random.next() * latencyMsMax;
        try {
          const key = messenger.keys.get(through.keyId);
          if (key?.state === "dead") throw new TelegramError(deadKey);
          messenger.refuse(through, method, chat);
          const result = run(through);
          takesMs = afterMs?.(result) ?? takesMs;
          answer = () => resolve(result);
        } catch (error) {
          answer = () => reject(error as Error);
        }
        process.deliver(takesMs, () => {
          if (through.isOpen) settle(answer);
        });
      });
    });
  }

  const authorised = ({ keyId: id }: Wire): void => {
    if (messenger.keys.get(id)?.state !== "authorised") throw new TelegramError(unregistered);
  };

  async function connect(): Promise<void> {
    const socket = await options.dial({ host: "telegram", port: 443 });
    const { account } = of.grantOf(socket) ?? { account: "" };
    await new Promise<void>((resolve) => {
      process.clock.schedule(1 + kernel.random.next() * latencyMsMax, resolve);
    });
    if (isClosed) throw new TelegramError(closed);
    if (keyId === null) {
      const made = messenger.makeKey(account);
      keyId = made.id;
      await events.onSession({ keyId, bytes: Buffer.from(keyId) });
    }
    const grant = of.grantOf(socket);
    if (isClosed || grant === null) throw new TelegramError(closed);
    wire = {
      ...grant,
      incarnation: of.incarnation,
      keyId,
      isOpen: true,
      push: (updates) => process.deliver(0, () => events.onUpdates(updates)),
      onBroken: () => process.deliver(0, breaks),
      onEnded: () => process.deliver(0, () => events.onEnded(gateLost)),
      onDead: () => process.deliver(0, () => events.onDeadKey(deadKey)),
      onAccepted: () => process.deliver(0, events.onLoginToken),
    };
    messenger.connect(wire);
    if (messenger.keys.get(keyId)?.state === "dead") {
      events.onDeadKey(deadKey);
      throw new TelegramError(deadKey);
    }
  }

  /** The library comes back by itself. */
  function breaks(): void {
    const broken = wire;
    if (isClosed || broken === null || !broken.isOpen) return;
    messenger.close(broken);
    rejectPending(lost);
    events.onDisconnected();
    process.clock.schedule(reconnectMs, () => {
      if (isClosed || wire !== broken) return;
      wire = { ...broken, isOpen: true };
      messenger.connect(wire);
      events.onConnected();
    });
  }

  const outgoing = (account: SimAccount, userId: string): Message[] =>
    account.arrivals
      .filter(({ chatUser }) => chatUser === userId)
      .map(({ messageId, text, atMs }) => ({
        kind: "message",
        peer: { userId, accessHash: "7" },
        messageId,
        text,
        outgoing: true,
        date: unixSeconds(atMs),
      }));
  const incoming = (account: SimAccount, userId: string): Message[] =>
    account.updates.flatMap(({ update }) =>
      update.kind === "message" && update.peer.userId === userId ? [update] : [],
    );

  return {
    get keyId() {
      return keyId;
    },
    get callsInFlight() {
      return callsInFlight;
    },
    connect,
    async close() {
      if (isClosed) return;
      isClosed = true;
      if (wire !== null) messenger.close(wire);
      rejectPending(closed);
    },
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
        const account = accountOf();
        return [...incoming(account, peer.userId), ...outgoing(account, peer.userId)]
          .filter(({ messageId }) => messageId < beforeId)
          .toSorted((a, b) => b.messageId - a.messageId)
          .slice(0, limit);
      }),
    messagesById: (ids) =>
      call("messages.getMessages", (through) => {
        authorised(through);
        const account = accountOf();
        const users = new Set(account.updates.map(({ update }) => update.peer.userId));
        const all = [...users].flatMap((userId) => [
          ...incoming(account, userId),
          ...outgoing(account, userId),
        ]);
        return all
          .filter(({ messageId }) => ids.includes(messageId))
          .map((message) => ({ messageId: message.messageId, date: message.date, message }));
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
          : { token: Buffer.from(id), expiresAtMs: kernel.nowMs + 30_000 },
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

const closed: TelegramFault = {
  code: "CLIENT_CLOSED",
  kind: "unknown",
  message: "the client was closed",
};
const gateLost: TelegramFault = { code: "GATE_LOST", kind: "unknown", message: "the gate is away" };
const lost: TelegramFault = { code: "CONNECTION_LOST", kind: "unknown", message: "the wire broke" };
const deadKey: TelegramFault = {
  code: "AUTH_KEY_DUPLICATED",
  kind: "dead-key",
  message: "the key is dead",
};
const unregistered: TelegramFault = {
  code: "AUTH_KEY_UNREGISTERED",
  kind: "dead-key",
  message: "the key is not logged in",
};
