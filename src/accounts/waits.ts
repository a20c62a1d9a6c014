import type { Clock } from "../concurrency/clock.ts";
import { remedyFor } from "../channels/telegram/error-table.ts";
import { createWorker } from "../concurrency/worker.ts";
import { createAccountTrouble } from "../conversation/outbox/account-trouble.ts";
import type { EventSink } from "../ports/accounts/event-sink.ts";
import type { TelegramFault } from "../ports/telegram/telegram.ts";
import { faultReason, TelegramError } from "../ports/telegram/telegram-error.ts";
import { restMsOf, type TelegramWait, type WaitStore, waitsMax } from "../ports/telegram/waits.ts";

/** What is called: a method, and the chat where it sends to one. */
export interface CalledMethod {
  /** Its TL name. */
  readonly method: string;
  /** null: the call is of no single chat, or sends nothing to it. */
  readonly chat: string | null;
}

/** The waits that Telegram ordered one account to keep, for all of its clients in this process. */
export interface AccountWaits {
  /** Those in force now. */
  readonly inForce: readonly TelegramWait[];
  /** Learns what other processes have kept. Throws as the store. */
  load(): Promise<void>;
  /** Milliseconds until every call of the method may be made; 0 for now. */
  restMs(method: string): number;
  /** Throws the flood fault with the rest of the wait, where this may not be called now. */
  refuse(called: CalledMethod): void;
  /**
   * Makes a call, or refuses it under a wait without asking Telegram. A wait that the answer orders is kept before the
   * caller hears of it. Rejects as `refuse` and `work`.
   * @param onSilence the answer means the whole account, which is to send nothing for so long
   */
  call<Answer>(
    called: CalledMethod,
    work: () => Promise<Answer>,
    onSilence?: (seconds: number) => void,
  ): Promise<Answer>;
}

export interface AccountWaitsOptions {
  readonly account: string;
  readonly store: WaitStore;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Telegram has just ordered a wait of so many seconds. */
  onOrdered(seconds: number): void;
}

const keepAgainMs = 1000;
const keepAgainMsMax = 60_000;
/** Telegram names each wait that comes here. */
const unnamed = { rememberedMs: 0, restMs: 0, restMsMax: 0 };

export function createAccountWaits(options: AccountWaitsOptions): AccountWaits {
  const { account, store, clock, events } = options;
  /** By method and chat. */
  const known = new Map<string, TelegramWait>();
  /** Those that the store has not taken yet; as bounded as the known ones. */
  const unkept = new Map<string, TelegramWait>();
  /** Of the sends of all callers: replies, and what scripts send. */
  const trouble = createAccountTrouble(unnamed, clock);
  const isOver = ({ untilMs }: TelegramWait): boolean => untilMs <= clock.now();
  const note = (code: string, message: string): void =>
    events.report({ type: "note", account, code, message });

  let failures = 0;
  let cancelAgain = () => {};
  const keeping = createWorker(
    async () => {
      for (const [key, wait] of unkept) {
        if (!isOver(wait)) await store.keep(account, wait, clock.now());
        if (unkept.get(key) === wait) unkept.delete(key);
      }
      failures = 0;
    },
    (error) => {
      const why = faultReason(error).message;
      if (failures === 0)
        note("WAIT_NOT_KEPT", `this host keeps to it, and stores it later: ${why}`);
      const delayMs = Math.min(keepAgainMs * 2 ** failures, keepAgainMsMax);
      failures += 1;
      cancelAgain();
      cancelAgain = clock.schedule(delayMs, () => void keeping.wake());
    },
  );

  /** False where a wait of at least that length is known. */
  function learn(key: string, wait: TelegramWait): boolean {
    const before = known.get(key);
    if (before !== undefined && before.untilMs >= wait.untilMs) return false;
    known.set(key, wait);
    return true;
  }

  function forgetBeyond(): void {
    for (const [key, wait] of known) if (isOver(wait)) known.delete(key);
    if (known.size <= waitsMax) return;
    const byEnd = [...known].toSorted(([, a], [, b]) => a.untilMs - b.untilMs);
    for (const [key] of byEnd.slice(0, known.size - waitsMax)) {
      known.delete(key);
      unkept.delete(key);
    }
  }

  /** Keeps what Telegram ordered; the fault says until when. Never rejects. */
  async function order(
    { method, chat }: CalledMethod,
    fault: TelegramFault,
    seconds: number,
  ): Promise<TelegramFault> {
    const wait = { method, chat, code: fault.code, untilMs: clock.now() + seconds * 1000 };
    const key = keyOf(wait);
    options.onOrdered(seconds);
    // A chat's wait is told where its replies wait.
    if (chat === null && seconds > 0)
      note("TELEGRAM_WAIT", `Telegram ordered it: ${restOf(account, wait)}`);
    if (learn(key, wait)) {
      unkept.set(key, wait);
      forgetBeyond();
    }
    await keeping.wake();
    return { ...fault, message: `${fault.message}; ${restOf(account, wait)}` };
  }

  function refuse(called: CalledMethod): void {
    if (known.size === 0) return;
    const wait = known.get(keyOf(called));
    if (wait === undefined || isOver(wait)) return;
    throw new TelegramError({
      code: wait.code,
      kind: "flood",
      waitSeconds: Math.ceil((wait.untilMs - clock.now()) / 1000),
      asked: false,
      message: `Telegram was not asked: ${restOf(account, wait)}`,
    });
  }

  return {
    get inForce() {
      return [...known.values()].filter((wait) => !isOver(wait));
    },
    async load() {
      const kept = await store.inForce([account], clock.now());
      for (const wait of kept.get(account) ?? []) learn(keyOf(wait), wait);
      forgetBeyond();
    },
    restMs: (method) => restMsOf([...known.values()], method, clock.now()),
    refuse,
    async call(called, work, onSilence) {
      refuse(called);
      const { chat } = called;
      try {
        const answer = await work();
        if (chat !== null) trouble.sent();
        return answer;
      } catch (error) {
        if (!(error instanceof TelegramError)) throw error;
        const { fault } = error;
        if (fault.kind !== "flood" || fault.waitSeconds === undefined) throw error;
        const waitMs = fault.waitSeconds * 1000;
        // A slow mode is the chat's, in however many chats.
        const mayBeAccounts = chat !== null && remedyFor(fault).scope === "account";
        if (mayBeAccounts && trouble.met({ chat, waitMs }) !== null) onSilence?.(fault.waitSeconds);
        throw new TelegramError(await order(called, fault, fault.waitSeconds), error);
      }
    },
  };
}

const keyOf = ({ method, chat }: CalledMethod): string =>
  chat === null ? method : `${method} ${chat}`;

/** For a person: what rests, and until when. */
function restOf(account: string, { method, chat, untilMs }: TelegramWait): string {
  const what = chat === null ? method : `${method} to this chat`;
  return `${what} of ${account} rests until ${new Date(untilMs).toISOString()}`;
}
