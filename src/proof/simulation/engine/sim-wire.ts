import type { GrantRef } from "../../../ports/custody/gate.ts";
import type { TelegramDriver, TelegramFault } from "../../../ports/telegram/telegram.ts";
import { TelegramError } from "../../../ports/telegram/telegram-error.ts";
import type { Kernel, SimProcess } from "../kernel.ts";
import {
  callTimeoutMs,
  type Key,
  type SimAccount,
  type SimMessenger,
  type Wire,
} from "./sim-messenger.ts";
import { closed, deadKey, gateLost, lost, unknown } from "./telegram-faults.ts";

export type OpenOptions = Parameters<TelegramDriver["open"]>[0];

/** Whose client it is. */
export interface ClientOf {
  readonly kernel: Kernel;
  readonly process: SimProcess;
  readonly incarnation: string;
  readonly messenger: SimMessenger;
  /** The account and slot that a dialled socket is of; null: it was cut. */
  grantOf(socket: unknown): GrantRef | null;
}

/** How a call is carried out, beside its work. */
interface CallHow<Answer> {
  readonly chat?: string | null;
  /** The time that the answer takes; by default a quick one's. */
  afterMs?(answer: Answer): number;
}

export interface SimWire {
  readonly keyId: string | null;
  readonly callsInFlight: number;
  connect(): Promise<void>;
  /** One call: `run` is carried out at Telegram, unless it answers a fault or a wait. */
  call<Answer>(method: string, run: (wire: Wire) => Answer, how?: CallHow<Answer>): Promise<Answer>;
  /** Of a wire that is connected. */
  accountOf(): SimAccount;
  close(): Promise<void>;
}

const latencyMsMax = 40;
const reconnectMs = 800;
const telegram = { host: "telegram", port: 443 };

/** The wire of one client: production's library comes back by itself, and so does this one. */
export function createSimWire(of: ClientOf, options: OpenOptions): SimWire {
  const { kernel, process, messenger } = of;
  const { events } = options;
  const read = options.session === null ? null : Buffer.from(options.session).toString();
  let keyId = read;
  let wire: Wire | null = null;
  /** Why it has ended, for ever; null: it has not. */
  let over: TelegramFault | null = null;
  let connecting: Promise<void> | undefined;
  const calls = createCalls(of, {
    wire: () => wire,
    over: () => over,
    onDead: die,
  });

  /** Answers whether it had not ended before. */
  function end(fault: TelegramFault): boolean {
    if (over !== null) return false;
    over = fault;
    if (wire !== null) messenger.close(wire);
    calls.reject(fault);
    return true;
  }

  function die(): void {
    if (end(deadKey)) events.onDeadKey(deadKey);
  }

  function throwIfOver(): void {
    if (over !== null) throw new TelegramError(over);
  }

  async function makeWire(): Promise<void> {
    const { stream: socket, opened } = await options.dial(telegram);
    await opened;
    const { account } = of.grantOf(socket) ?? { account: "" };
    await new Promise<void>((resolve) => {
      process.clock.schedule(1 + kernel.random.next() * latencyMsMax, resolve);
    });
    throwIfOver();
    if (keyId === null) {
      const made = messenger.makeKey(account);
      keyId = made.id;
      await events.onSession({ keyId, bytes: Buffer.from(keyId) });
    }
    const grant = of.grantOf(socket);
    throwIfOver();
    if (grant === null) throw new TelegramError(closed);
    wire = {
      ...grant,
      incarnation: of.incarnation,
      keyId,
      isOpen: true,
      push: (updates) => process.deliver(0, () => events.onUpdates(updates)),
      onBroken: () => process.deliver(0, breaks),
      onEnded: () =>
        process.deliver(0, () => {
          if (!end(gateLost)) return;
          events.onDisconnected();
          events.onEnded(gateLost);
        }),
      onDead: () => process.deliver(0, die),
      onAccepted: () => process.deliver(0, events.onLoginToken),
    };
    messenger.connect(wire);
    if (isOver(messenger.keys.get(keyId))) die();
    throwIfOver();
    events.onConnected();
  }

  /** The library comes back by itself. */
  function breaks(): void {
    const broken = wire;
    if (over !== null || broken === null || !broken.isOpen) return;
    messenger.close(broken);
    calls.reject(lost);
    events.onDisconnected();
    process.clock.schedule(reconnectMs, () => void comeBack(broken));
  }

  /** Never rejects. The gate's refusal ends the client, as production's. */
  async function comeBack(broken: Wire): Promise<void> {
    const isOn = () => over === null && wire === broken;
    if (!isOn()) return;
    try {
      await (await options.dial(telegram)).opened;
    } catch {
      if (isOn() && end(gateLost)) events.onEnded(gateLost);
      return;
    }
    if (!isOn()) return;
    wire = { ...broken, isOpen: true };
    messenger.connect(wire);
    if (isOver(messenger.keys.get(wire.keyId))) die();
    else events.onConnected();
  }

  return {
    get keyId() {
      return keyId;
    },
    get callsInFlight() {
      return calls.inFlight;
    },
    async connect() {
      throwIfOver();
      await (connecting ??= makeWire());
    },
    call: calls.call,
    accountOf: () => messenger.accounts.get(wire!.account)!,
    async close() {
      end(closed);
    },
  };
}

/** The calls of one client over its wire. */
function createCalls(
  { kernel, process, messenger }: ClientOf,
  client: {
    wire(): Wire | null;
    /** Why it has ended; null: it has not. */
    over(): TelegramFault | null;
    onDead(): void;
  },
) {
  const pending = new Set<(fault: TelegramFault) => void>();
  let inFlight = 0;

  /** One call: `run` is carried out at Telegram, unless it answers a fault or a wait. */
  function call<Answer>(
    method: string,
    run: (wire: Wire) => Answer,
    { chat = null, afterMs }: CallHow<Answer> = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const [over, through] = [client.over(), client.wire()];
      if (over !== null || through === null) return reject(new TelegramError(over ?? closed));
      inFlight += 1;
      let isOpen = true;
      const settle = (outcome: () => void) => {
        if (!isOpen) return;
        isOpen = false;
        inFlight -= 1;
        pending.delete(fail);
        outcome();
      };
      const fail = (fault: TelegramFault) => settle(() => reject(new TelegramError(fault)));
      pending.add(fail);
      kernel.at(kernel.random.next() * latencyMsMax, () => {
        if (!through.isOpen) return process.deliver(0, () => fail(lost));
        // A key that has died may be met before Telegram tells of it.
        if (isOver(messenger.keys.get(through.keyId))) return process.deliver(0, client.onDead);
        if (messenger.silent.has(through.keyId)) {
          return process.deliver(callTimeoutMs, () => fail(unknown));
        }
        let answer: () => void;
        let takesMs = kernel.random.next() * latencyMsMax;
        try {
          messenger.refuse(through, method, chat);
          const result = run(through);
          takesMs = afterMs?.(result) ?? takesMs;
          answer = () => resolve(result);
        } catch (error) {
          answer = () => {
            messenger.heard(through, method, chat);
            reject(error);
          };
        }
        process.deliver(takesMs, () => {
          if (through.isOpen) settle(answer);
        });
      });
    });
  }

  return {
    call,
    get inFlight() {
      return inFlight;
    },
    /** All that wait for an answer. */
    reject(fault: TelegramFault): void {
      for (const reject of pending) reject(fault);
    },
  };
}

/** One that was logged out is as dead as another. */
const isOver = (key: Key | undefined): boolean => key?.state === "dead" || key?.state === "out";
