import type { Clock } from "../../concurrency/clock.ts";
import { createWorker } from "../../concurrency/worker.ts";
import type {
  KnownStream,
  StreamLoss,
  StreamLosses,
  StreamLossStore,
} from "../../ports/conversation/stream-losses.ts";
import type {
  Positions,
  StreamState,
  StreamStates,
} from "../../ports/conversation/stream-state.ts";

export interface StreamWatchOptions {
  readonly streams: StreamStates;
  readonly store: StreamLossStore;
  /** Whose accounts' cursors are marked. */
  readonly incarnation: string;
  readonly clock: Pick<Clock, "schedule">;
  /** This node was the first to find it. */
  onLost(loss: StreamLoss): void;
  onFault(error: unknown): void;
}

/** Compares what the streams hold with what they have acknowledged, as Postgres knows it. */
export interface StreamWatch extends StreamLosses {
  /** Compares for the first time, and then again and again. Rejects when it cannot. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Streams that vanish while the connection stays are noticed within this time. */
const everyMs = 15_000;

export function createStreamWatch(options: StreamWatchOptions): StreamWatch {
  const { streams, store, clock } = options;
  const listeners = new Set<() => void>();
  let count = 0;
  let cancel = (): void => {};
  let isStopped = false;
  const worker = createWorker(look, options.onFault);

  async function look(): Promise<void> {
    // In this order: what was acknowledged by then must be found.
    const known = await store.known();
    if (known.losses > count) streams.forgetAcknowledged();
    const acknowledged = streams.acknowledged();
    const found = await streams.states();
    const lost = lossesOf(reaching(known.streams, acknowledged), found);
    const { losses, isWritten } = await store.note(known.losses, found, lost);
    if (isWritten) for (const loss of lost) options.onLost(loss);
    tell(losses);
    // What was found may be older than the loss: the next look marks.
    if (losses !== known.losses) return;
    const settled = found.toSorted((a, b) => a.partition - b.partition);
    await store.mark(
      options.incarnation,
      losses,
      settled.map(({ settledSeq }) => settledSeq),
    );
  }

  function tell(losses: number): void {
    if (losses <= count) return;
    count = losses;
    streams.forgetAcknowledged();
    for (const listener of listeners) listener();
  }

  function next(): void {
    if (isStopped) return;
    cancel = clock.schedule(everyMs, () => {
      void worker.wake();
      next();
    });
  }

  streams.onBack(look);
  return {
    get count() {
      return count;
    },
    onLoss(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async start() {
      await look();
      next();
    },
    async stop() {
      isStopped = true;
      cancel();
      await worker.stop();
    },
  };
}

/** The store hears of a position with an account's cursor, or at the next look; this process knows its own at once. */
const reaching = (known: readonly KnownStream[], acknowledged: Positions): KnownStream[] =>
  known.map((one) => ({
    ...one,
    lastSeq: Math.max(one.lastSeq, acknowledged[one.partition] ?? 0),
  }));

/** Streams that are not the ones that acknowledged, or no longer reach as far. */
function lossesOf(
  known: readonly KnownStream[],
  found: readonly StreamState[],
): readonly StreamLoss[] {
  return found.flatMap(({ partition, created, lastSeq }) => {
    const before = known.find((one) => one.partition === partition);
    if (before === undefined || before.created === "") return [];
    const isAnother = before.created !== created;
    if (!isAnother && lastSeq >= before.lastSeq) return [];
    const foundSeq = isAnother ? 0 : lastSeq;
    const keptUpTo = Math.max(foundSeq, before.settledSeq);
    const messagesMax = Math.max(0, before.lastSeq - keptUpTo);
    return [{ partition, knownSeq: before.lastSeq, foundSeq, messagesMax }];
  });
}
