import type { AccountKind } from "../../../../machines/lifecycle.ts";
import type {
  AccountUpdate,
  PushedUpdate,
  TelegramFault,
} from "../../../ports/telegram/telegram.ts";
import type { TelegramWait } from "../../../ports/telegram/waits.ts";
import type { Kernel } from "../kernel.ts";
import { blocked, duplicate, failing, flood, unknown } from "./telegram-faults.ts";

/** Telegram's side of one connection of a key. */
export interface Wire {
  readonly account: string;
  readonly slot: number;
  readonly epoch: number;
  readonly incarnation: string;
  readonly keyId: string;
  isOpen: boolean;
  push(updates: readonly PushedUpdate[]): void;
  /** The other side hears that the wire broke; it comes back by itself. */
  onBroken(): void;
  /** The client ends by itself and never comes back. */
  onEnded(): void;
  /** The key has died. */
  onDead(): void;
  /** Its login token was accepted. */
  onAccepted(): void;
}

/** An auth key at Telegram. */
export interface Key {
  readonly id: string;
  readonly account: string;
  state: "new" | "authorised" | "dead" | "out";
}

/** A message that reached a chat. */
export interface Arrival {
  readonly chatUser: string;
  readonly messageId: number;
  readonly text: string;
  readonly randomId: string;
  readonly atMs: number;
}

/** How a chat answers what is sent to it. */
export type ChatMood =
  | "well"
  /** Telegram fails inside, and nothing arrives. */
  | "failing"
  /** Refused for good. */
  | "blocked"
  /** Answers late, but within the time of a call. */
  | "slow"
  /** The answers get lost; the messages mostly arrive. */
  | "unknown";

export interface SimAccount {
  readonly name: string;
  readonly kind: AccountKind;
  readonly userId: string;
  readonly updates: { readonly pts: number; readonly update: AccountUpdate }[];
  /** Updates that are too old to be given one by one: the difference begins behind them. */
  forgottenPts: number;
  pts: number;
  lastMessageId: number;
  readonly randomIds: Map<string, number>;
  /** By method, and chat for one: until when Telegram refuses it, in virtual milliseconds. */
  readonly waits: Map<string, number>;
  /** By wait and incarnation: when it was told, in virtual milliseconds. */
  readonly told: Map<string, number>;
}

export interface Judging {
  /** A call under a wait that this process was told of. */
  onUnderWait(account: string, method: string): void;
  onArrival(account: string, arrival: Arrival): void;
  /** A key was logged out by its own client. */
  onLoggedOut(key: Key): void;
  /** Two open wires with one key. */
  onOverlap(account: string, keyId: string): void;
}

/** Telegram, with its accounts, their keys, chats and updates. */
export interface SimMessenger {
  readonly accounts: ReadonlyMap<string, SimAccount>;
  readonly keys: ReadonlyMap<string, Key>;
  /** By chat user. */
  readonly moods: Map<string, ChatMood>;
  /** Keys whose calls get no answer. */
  readonly silent: Set<string>;
  addAccount(name: string, kind: AccountKind): { readonly account: SimAccount; readonly key: Key };
  makeKey(account: string): Key;
  /** The key dies. By default Telegram may tell of it late: by its answer to the next call, or to the next ping. */
  kill(key: Key, isToldAtOnce?: boolean): void;
  connect(wire: Wire): void;
  close(wire: Wire): void;
  /** Every wire of these breaks. */
  breakWires(of: (wire: Wire) => boolean, closes: boolean): void;
  wiresOf(account: string): readonly Wire[];
  /** A person writes. Answers the number of the message. `pushed`: whether the account is told at once. */
  say(account: string, chatUser: string, text: string, pushed: boolean): number;
  /** Telegram refuses the method for so long. `chat`: in one chat only. */
  order(account: string, method: string, chat: string | null, waitMs: number): void;
  /** A process has read these waits of the account where an earlier one has kept them. */
  know(account: string, incarnation: string, waits: readonly TelegramWait[]): void;
  /** Throws the fault of a wait. Its process knows of that once the answer has come. */
  refuse(wire: Wire, method: string, chat: string | null): void;
  heard(wire: Wire, method: string, chat: string | null): void;
  logOut(key: Key): void;
  send(wire: Wire, message: Message): Sending;
}

/** A message to a chat. */
interface Message {
  readonly chatUser: string;
  readonly text: string;
  readonly randomId: string;
}

/** What becomes of a send: its answer, and when. */
export interface Sending {
  readonly afterMs: number;
  readonly answer: { readonly messageId: number } | TelegramFault;
}

const quickMsMax = 40;
const slowMs = 8_000;
export const callTimeoutMs = 30_000;
/** A client without calls finds out by then that its key is dead. */
export const pingMs = 20_000;
/** A call that was on its way when the wait was told is no breach of it. */
const onTheWayMs = 300;

export function createSimMessenger(kernel: Kernel, judging: Judging): SimMessenger {
  const { random } = kernel;
  const accounts = new Map<string, SimAccount>();
  const keys = new Map<string, Key>();
  const wires = new Set<Wire>();
  const moods = new Map<string, ChatMood>();

  function makeKey(account: string): Key {
    const id = (keys.size + 1).toString(16).padStart(16, "0");
    const key: Key = { id, account, state: "new" };
    keys.set(id, key);
    return key;
  }

  function deliver(account: SimAccount, pushed: PushedUpdate): void {
    for (const wire of wires) {
      if (wire.account !== account.name || keys.get(wire.keyId)?.state !== "authorised") continue;
      kernel.at(random.next() * quickMsMax, () => {
        if (wire.isOpen) wire.push([pushed]);
      });
    }
  }

  /** A message takes its place in the account's sequence, whoever wrote it. */
  function happen(
    account: SimAccount,
    { chatUser, text, outgoing }: Pick<Message, "chatUser" | "text"> & { outgoing: boolean },
  ): { readonly messageId: number; readonly pushed: PushedUpdate } {
    account.lastMessageId += 1;
    account.pts += 1;
    const { lastMessageId: messageId, pts } = account;
    const peer = { userId: chatUser, accessHash: "7" };
    const date = unixSeconds(kernel.nowMs);
    const update = { kind: "message", peer, messageId, text, outgoing, date } as const;
    account.updates.push({ pts, update });
    return { messageId, pushed: { update, pts, ptsCount: 1 } };
  }

  function arrive(account: SimAccount, { chatUser, text, randomId }: Message): number {
    const { messageId, pushed } = happen(account, { chatUser, text, outgoing: true });
    account.randomIds.set(randomId, messageId);
    judging.onArrival(account.name, { chatUser, messageId, text, randomId, atMs: kernel.nowMs });
    deliver(account, pushed);
    return messageId;
  }

  function close(wire: Wire): void {
    wire.isOpen = false;
    wires.delete(wire);
  }

  return {
    accounts,
    keys,
    moods,
    silent: new Set(),
    addAccount(name, kind) {
      const userId = String(900_000 + accounts.size);
      const account: SimAccount = {
        name,
        kind,
        userId,
        updates: [],
        forgottenPts: 0,
        pts: 1,
        lastMessageId: 0,
        randomIds: new Map(),
        waits: new Map(),
        told: new Map(),
      };
      accounts.set(name, account);
      const key = makeKey(name);
      key.state = "authorised";
      return { account, key };
    },
    makeKey,
    kill(key, isToldAtOnce = random.chance(0.5)) {
      key.state = "dead";
      kernel.at(isToldAtOnce ? 0 : random.next() * pingMs, () => {
        for (const wire of wires) if (wire.keyId === key.id) wire.onDead();
      });
    },
    connect(wire) {
      for (const { keyId, incarnation } of wires) {
        const isOther = incarnation !== wire.incarnation;
        if (isOther && keyId === wire.keyId) judging.onOverlap(wire.account, keyId);
      }
      wires.add(wire);
    },
    logOut(key) {
      key.state = "out";
      judging.onLoggedOut(key);
    },
    close,
    breakWires(of, closes) {
      for (const wire of wires) {
        if (!of(wire)) continue;
        if (closes) close(wire);
        else wire.onBroken();
      }
    },
    wiresOf: (account) => [...wires].filter((wire) => wire.account === account),
    say(name, chatUser, text, isPushed) {
      const account = accounts.get(name)!;
      const said = happen(account, { chatUser, text, outgoing: false });
      if (isPushed) deliver(account, said.pushed);
      return said.messageId;
    },
    ...createWaits(kernel, accounts, judging),
    send(wire, message) {
      const account = accounts.get(wire.account)!;
      const mood = moods.get(message.chatUser) ?? "well";
      return sending(kernel, account, { ...message, mood }, () => arrive(account, message));
    },
  };
}

/** The waits that Telegram orders, and who was told of them. */
function createWaits(
  kernel: Kernel,
  accounts: ReadonlyMap<string, SimAccount>,
  judging: Pick<Judging, "onUnderWait">,
): Pick<SimMessenger, "order" | "know" | "refuse" | "heard"> {
  return {
    order(name, method, chat, waitMs) {
      const account = accounts.get(name)!;
      account.waits.set(waitKey(method, chat), kernel.nowMs + waitMs);
    },
    know(name, incarnation, kept) {
      const { waits, told } = accounts.get(name)!;
      for (const { method, chat, untilMs: keptMs } of kept) {
        for (const key of keysOf(method, chat)) {
          const untilMs = waits.get(key) ?? 0;
          const by = toldKey({ key, chat, untilMs, incarnation });
          const isKnown = untilMs > kernel.nowMs && wallMs(untilMs) <= keptMs;
          if (isKnown && !told.has(by)) told.set(by, kernel.nowMs);
        }
      }
    },
    heard({ account: name, incarnation }, method, chat) {
      const { waits, told } = accounts.get(name)!;
      const key = keysOf(method, chat).find((one) => (waits.get(one) ?? 0) > kernel.nowMs);
      if (key === undefined) return;
      const by = toldKey({ key, chat, untilMs: waits.get(key)!, incarnation });
      if (!told.has(by)) told.set(by, kernel.nowMs);
    },
    refuse(wire, method, chat) {
      const account = accounts.get(wire.account)!;
      refuse(kernel.nowMs, account, { incarnation: wire.incarnation, method, chat }, () =>
        judging.onUnderWait(wire.account, method),
      );
    },
  };
}

/** Throws the fault of a wait. `onTold`: this process knew of it. */
function refuse(
  nowMs: number,
  { waits, told }: SimAccount,
  called: { readonly incarnation: string; readonly method: string; readonly chat: string | null },
  onTold: () => void,
): void {
  const { incarnation, method, chat } = called;
  for (const key of keysOf(method, chat)) {
    const untilMs = waits.get(key) ?? 0;
    if (untilMs <= nowMs) continue;
    // A send's wait rests its chat alone, until the engine has seen that it is meant for all.
    const by = toldKey({ key, chat, untilMs, incarnation });
    if (nowMs - (told.get(by) ?? nowMs) > onTheWayMs) onTold();
    const code = key === method ? "FLOOD_WAIT" : "SLOWMODE_WAIT";
    throw flood(code, Math.ceil((untilMs - nowMs) / 1000));
  }
}

/** What becomes of a send, by the mood of its chat. */
function sending(
  { random }: Kernel,
  account: SimAccount,
  { randomId, mood }: { readonly randomId: string; readonly mood: ChatMood },
  arrive: () => number,
): Sending {
  const quickMs = 1 + random.next() * quickMsMax;
  if (account.randomIds.has(randomId)) return { afterMs: quickMs, answer: duplicate };
  switch (mood) {
    case "well":
      return { afterMs: quickMs, answer: { messageId: arrive() } };
    case "failing":
      return { afterMs: quickMs, answer: failing };
    case "blocked":
      return { afterMs: quickMs, answer: blocked };
    case "slow":
      return { afterMs: slowMs, answer: { messageId: arrive() } };
    case "unknown":
      if (random.chance(0.7)) arrive();
      return { afterMs: callTimeoutMs, answer: unknown };
  }
}

/** Telegram's clock agrees with that of every process. */
export const wallMs = (virtualMs: number): number => 1_700_000_000_000 + virtualMs;
export const unixSeconds = (virtualMs: number): number => Math.floor(wallMs(virtualMs) / 1000);

/** That a process was told of a wait. */
const toldKey = (of: {
  readonly key: string;
  readonly chat: string | null;
  readonly untilMs: number;
  readonly incarnation: string;
}): string => `${of.key} ${of.chat} ${of.untilMs} ${of.incarnation}`;

/** The waits that a call may meet. */
const keysOf = (method: string, chat: string | null): readonly string[] =>
  chat === null ? [method] : [method, waitKey(method, chat)];

const waitKey = (method: string, chat: string | null): string =>
  chat === null ? method : `${method} ${chat}`;
