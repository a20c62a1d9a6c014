import { wait } from "../../concurrency/wait.ts";
import { errorLine } from "../../errors.ts";
import type { NoteEvent } from "../../ports/accounts/event-sink.ts";
import type {
  InboundDelivery,
  InboundItem,
  InboundStream,
} from "../../ports/conversation/inbound-stream.ts";
import { createTurnsAtWork } from "./at-work.ts";
import type { Brake } from "./brake.ts";
import { createBrakeRests } from "./brake-rests.ts";
import { createTurnLanes } from "./lanes.ts";
import { createTurnRun } from "./run.ts";
import type { TurnLimits, TurnResult, TurnRunOptions } from "./run-options.ts";
import { createTurnSlots } from "./slots.ts";

export interface TurnEngineOptions extends Omit<TurnRunOptions, "limits"> {
  readonly stream: Pick<InboundStream, "consume">;
  /** Replies to this message were committed. */
  notifyOutbox(item: Pick<InboundItem, "channel" | "account">): void;
  /** Another node owns these users now: the engine has stopped taking messages. */
  onStaleOwner(): void;
  /** `seconds` from the delivery to its end. */
  onTurn(ending: TurnResult["ending"], seconds: number): void;
  readonly limits?: Partial<TurnEngineLimits>;
  /** Slows down two programs that answer each other; by default nothing does. */
  readonly brake?: Brake;
}

export interface TurnEngineLimits extends TurnLimits {
  /** Users whose turns run at the same time, each perhaps for as long as a handler may take. */
  readonly usersMax: number;
  /**
   * Messages taken from the stream and not settled: the bound on messages in memory. It is far
   * above the number of running turns, so that one user's waiting messages leave room for others.
   * The stream gives a bounded number of bytes at a time.
   */
  readonly inFlightMax: number;
}

export interface TurnEngine {
  /** Rejects when the stream cannot be consumed. */
  start(): Promise<void>;
  /** Finishes the turns that began, gives the rest back. Resolves when nothing is held any more. */
  stop(): Promise<void>;
  /** Turns running now; a turn that rests between two runs of its handler is none. */
  readonly running: number;
  /** Messages waiting for a turn. */
  readonly waiting: number;
  /** How long the turn is at work that is for longest, rests included, in milliseconds; null: none is. */
  readonly longestMs: number | null;
  /** Begins no turn while it pauses. */
  pause(isPaused: boolean): void;
  /** A message that comes now would have its turn at once. */
  readonly mayBegin: boolean;
}

/** A turn that ended in a fault of this program is taken again after this time. */
const unsettledMs = 30_000;

/** How long a bot's handler may take, milliseconds. */
export const handlerMsMaxDefault = 60_000;

const defaultLimits: TurnEngineLimits = {
  usersMax: 256,
  inFlightMax: 6_400,
  handlerMsMax: handlerMsMaxDefault,
  handlerEndMsMax: 600_000,
  handlerRestMs: 1_000,
  handlerRestMsMax: 120_000,
  handlerRetryMsMax: 900_000,
  retryDelayMs: 50,
  retryDelayMsMax: 5_000,
};

/**
 * Consumes the inbound stream and turns each message into one committed turn. One user's messages
 * run in stream order (I4), different users in parallel, the oldest message first. A message is
 * acknowledged only after its commit (I5).
 */
export function createTurnEngine(options: TurnEngineOptions): TurnEngine {
  const limits = { ...defaultLimits, ...options.limits };
  const run = createTurnRun({
    ...options,
    limits,
    onHold(holds) {
      options.onHold?.(holds);
      if (!holds) pump();
    },
  });
  const lanes = createTurnLanes();
  const ending = new AbortController();
  const slots = createTurnSlots(limits.usersMax, () => pump());
  const resting = createBrakeRests({
    brake: options.brake,
    clock: options.clock,
    lanes,
    onOver: () => pump(),
  });
  const atWork = createTurnsAtWork(options.clock);
  let stopConsuming: (() => Promise<void>) | null = null;
  let stopped: Promise<void> | null = null;

  /** The stream delivers it again, and the store recognises an effect that it already has. */
  const reportUnsettled = (account: string, error: unknown) =>
    options.events.report(unsettledNote(account, error));

  function loseOwnership(account: string): void {
    if (ending.signal.aborted) return;
    options.events.report(staleNote(account, options.claim));
    stop().catch((error: unknown) => reportUnsettled(account, error));
    options.onStaleOwner();
  }

  /**
   * After a fault of this program the same turn is taken again. The user's lane stays taken until the end: nothing of
   * theirs goes before it.
   */
  async function take(delivery: InboundDelivery): Promise<void> {
    const { clock } = options;
    const end = atWork.begin();
    for (let isOver = false; !isOver; ) {
      const startMs = clock.monotonicMs();
      try {
        const result = await run.take(delivery.item, ending.signal, slots);
        options.onTurn(result.ending, (clock.monotonicMs() - startMs) / 1000);
        settle(options, delivery, result);
        if (result.ending === "stale-owner") loseOwnership(delivery.item.account);
        isOver = true;
      } catch (error) {
        reportUnsettled(delivery.item.account, error);
        await slots.rest(() => wait(clock, unsettledMs, ending.signal));
        isOver = ending.signal.aborted;
        if (isOver) delivery.retry(0);
      }
    }
    end();
    lanes.leave(delivery);
    slots.leave();
  }

  function pump(): void {
    while (!ending.signal.aborted && !run.holds && slots.free > 0) {
      const delivery = lanes.take();
      if (delivery === null) return;
      if (resting.rests(delivery)) continue;
      slots.take();
      void take(delivery);
    }
  }

  function onDelivery(delivery: InboundDelivery): void {
    if (ending.signal.aborted) {
      delivery.retry(0);
      return;
    }
    options.brake?.arrived(delivery.item, lanes.isIdle(delivery));
    lanes.add(delivery);
    pump();
  }

  async function finish(): Promise<void> {
    const consumingEnded = stopConsuming?.();
    resting.end();
    for (const delivery of lanes.drain()) delivery.retry(0);
    await slots.idle();
    await consumingEnded;
  }

  const stop = () => {
    ending.abort();
    return (stopped ??= finish());
  };

  return {
    async start() {
      const { inFlightMax } = limits;
      const { partition } = options.claim;
      await run.begin(ending.signal);
      if (ending.signal.aborted) return;
      const stopNow = await options.stream.consume({ partition, inFlightMax, onDelivery });
      if (ending.signal.aborted) await stopNow();
      else stopConsuming = stopNow;
    },
    stop,
    get running() {
      return slots.running;
    },
    get waiting() {
      return lanes.waiting + resting.size;
    },
    get longestMs() {
      return atWork.longestMs;
    },
    pause: slots.pause,
    get mayBegin() {
      return !run.holds && slots.free > 0;
    },
  };
}

const unsettledNote = (account: string, error: unknown): NoteEvent => ({
  type: "note",
  account,
  code: "DELIVERY_UNSETTLED",
  message: errorLine(error),
});

const staleNote = (account: string, { epoch }: TurnEngineOptions["claim"]): NoteEvent => ({
  type: "note",
  account,
  code: "OWNER_STALE",
  message: `another node owns these users since; epoch ${epoch} takes no more turns`,
});

/** What the outcome of a turn means for its message, and for those who wait for it. */
function settle(
  { brake, notifyOutbox }: Pick<TurnEngineOptions, "brake" | "notifyOutbox">,
  delivery: InboundDelivery,
  result: TurnResult,
): void {
  switch (result.ending) {
    case "committed":
      if (result.answered) brake?.answered(delivery.item);
      if (!result.handed) notifyOutbox(delivery.item);
      return delivery.done();
    case "duplicate":
      notifyOutbox(delivery.item);
      return delivery.done();
    case "parked":
      return delivery.done();
    case "given-back":
      return delivery.retry(result.delayMs);
    case "stale-owner":
      delivery.retry(0);
  }
}
