import { JetStreamApiError } from "@nats-io/jetstream";
import { duplicateWindowMs } from "../../../adapters/nats/inbound-stream.ts";
import { partitions } from "../../../ports/conversation/partitions.ts";
import type { StreamState } from "../../../ports/conversation/stream-state.ts";
import type { Kernel, SimProcess } from "../kernel.ts";

/** A message of a stream. */
export interface StreamMessage {
  readonly seq: number;
  readonly text: string;
  readonly storedMs: number;
  /** Not delivered before; infinite while a consumer has it. 0: this consumer never had it. */
  fromMs: number;
}

/** A message that a consumer has at work. */
export interface Taken {
  readonly message: StreamMessage;
}

export interface StreamConsumer {
  readonly process: SimProcess;
  receive(message: StreamMessage): void;
  /** One connection keeps the order: nothing arrives before what was sent before it. */
  arrivesMs: number;
  readonly messagesMax: number;
  /** It is at its end: it settles what it has, and takes nothing more. */
  isStopping: boolean;
  /** Another one has taken its place: it is opened again, unless its engine has stopped by then. */
  lose(): void;
}

/** A partition's stream, in one of its lives. */
export interface StreamLife {
  readonly created: string;
  lastSeq: number;
  readonly messages: Map<number, StreamMessage>;
  /** Messages that were stored, by their ids, for the server's window of duplicates. */
  readonly ids: Map<string, { readonly seq: number; readonly untilMs: number }>;
  consumer: StreamConsumer | null;
}

export type StreamsCopy = readonly Omit<StreamLife, "consumer">[];

/** JetStream, with the faults that a seed chooses. */
export interface SimStreams {
  readonly kernel: Kernel;
  /** The life of each partition's stream now. */
  readonly lives: readonly StreamLife[];
  readonly isAway: boolean;
  /** The time of one message on its way. */
  delay(): number;
  store(partition: number, text: string, id: string | null): number;
  /** Delivers what may be delivered. */
  pump(life: StreamLife): void;
  /** The server hears of the end of a message. `again`: it is to come again after so long. */
  settle(
    life: StreamLife,
    consumer: StreamConsumer,
    message: StreamMessage,
    again: number | null,
  ): void;
  readonly onAway: Set<() => void>;
  readonly onBack: Set<() => void>;
  /** Unreachable until `comesBack`. */
  goAway(): void;
  comesBack(): void;
  /** It has lost its disk: every stream is made anew, and empty. */
  loseAll(): void;
  /** A copy of the streams as they are now. */
  copy(): StreamsCopy;
  rollBack(copy: StreamsCopy): void;
  /** Share of acknowledgements that get lost. */
  acksLost: number;
  /** Share of answers to those who store that get lost. */
  answersLost: number;
  /** Messages of one partition at most. */
  messagesMax: number;
}

const latencyMsMax = 3;
const ackWaitMs = 30_000;
const atWork = Number.POSITIVE_INFINITY;
const fullCode = 10_077;

export function createSimStreams(kernel: Kernel): SimStreams {
  let made = 0;
  let isAway = false;
  let lives = partitions.map(madeAnew);

  function madeAnew(): StreamLife {
    made += 1;
    const created = `made-${made}`;
    return { created, lastSeq: 0, messages: new Map(), ids: new Map(), consumer: null };
  }

  const streams: SimStreams = {
    kernel,
    acksLost: 0,
    answersLost: 0,
    messagesMax: Number.POSITIVE_INFINITY,
    onAway: new Set(),
    onBack: new Set(),
    get lives() {
      return lives;
    },
    get isAway() {
      return isAway;
    },
    delay: () => 0.2 + kernel.random.next() * latencyMsMax,
    store(partition, text, id) {
      const life = lives[partition]!;
      const known = id === null ? undefined : life.ids.get(id);
      if (known !== undefined && known.untilMs > kernel.nowMs) return known.seq;
      if (life.messages.size >= streams.messagesMax) throw full();
      life.lastSeq += 1;
      const seq = life.lastSeq;
      if (id !== null) life.ids.set(id, { seq, untilMs: kernel.nowMs + duplicateWindowMs });
      life.messages.set(seq, { seq, text, storedMs: kernel.nowMs, fromMs: 0 });
      streams.pump(life);
      return seq;
    },
    pump: (life) => pump(streams, life),
    settle(life, consumer, message, again) {
      if (consumer.process.state === "dead") return;
      const isLost = isAway || (again === null && kernel.random.chance(streams.acksLost));
      kernel.at(streams.delay(), () => {
        if (life.messages.get(message.seq) !== message || life.consumer !== consumer) return;
        if (!isLost && again === null) {
          life.messages.delete(message.seq);
          return streams.pump(life);
        }
        const restMs = isLost ? ackWaitMs : (again ?? 0);
        message.fromMs = kernel.nowMs + restMs;
        kernel.at(restMs, () => streams.pump(life));
      });
    },
    goAway() {
      isAway = true;
      for (const listener of streams.onAway) listener();
    },
    comesBack() {
      isAway = false;
      for (const listener of streams.onBack) listener();
      for (const life of lives) streams.pump(life);
    },
    loseAll() {
      lives = partitions.map(madeAnew);
    },
    copy: () =>
      lives.map(({ created, lastSeq, messages, ids }) => ({
        created,
        lastSeq,
        messages: new Map([...messages].map(([seq, one]) => [seq, { ...one }])),
        ids: new Map(ids),
      })),
    rollBack(copy) {
      lives = copy.map((one) => ({ ...one, consumer: null }));
    },
  };
  return streams;
}

function pump({ kernel, isAway, delay }: SimStreams, life: StreamLife): void {
  const { consumer } = life;
  if (consumer === null || consumer.isStopping || isAway) return;
  // What was given back for later keeps its place in the window.
  let unsettled = 0;
  for (const { fromMs } of life.messages.values()) if (fromMs !== 0) unsettled += 1;
  for (const message of life.messages.values()) {
    if (message.fromMs > kernel.nowMs) continue;
    if (message.fromMs === 0) {
      if (unsettled >= consumer.messagesMax) continue;
      unsettled += 1;
    }
    message.fromMs = atWork;
    consumer.arrivesMs = Math.max(consumer.arrivesMs, kernel.nowMs + delay());
    consumer.process.deliver(consumer.arrivesMs - kernel.nowMs, () => {
      if (life.consumer === consumer) consumer.receive(message);
    });
  }
}

/** Everything before its oldest message has had its turn. */
export function stateOf(
  { created, lastSeq, messages }: StreamLife,
  partition: number,
): StreamState {
  let settledSeq = lastSeq;
  for (const seq of messages.keys()) settledSeq = Math.min(settledSeq, seq - 1);
  return { partition, created, settledSeq, lastSeq };
}

const full = () =>
  new JetStreamApiError({
    code: 400,
    err_code: fullCode,
    description: "maximum messages exceeded",
  });
