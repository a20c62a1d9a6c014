import { JetStreamApiError } from "@nats-io/jetstream";
import { createMessagePositions } from "../../../adapters/nats/message-positions.ts";
import { createInboundPublisher } from "../../../adapters/nats/inbound-publisher.ts";
import type {
  InboundDelivery,
  InboundStream,
  UnreadDelivery,
} from "../../../ports/conversation/inbound-stream.ts";
import { readItems } from "../../../ports/conversation/item-text.ts";
import { partitions } from "../../../ports/conversation/partitions.ts";
import type { StreamState, StreamStates } from "../../../ports/conversation/stream-state.ts";
import type { Kernel, SimProcess } from "../kernel.ts";

interface Message {
  readonly seq: number;
  readonly text: string;
  readonly storedMs: number;
  /** Not delivered before; infinite while a consumer has it. */
  fromMs: number;
}

interface Consumer {
  readonly process: SimProcess;
  /** By sequence: those that are at work. */
  readonly unsettled: Map<number, Taken>;
  receive(message: Message): void;
  /** One connection keeps the order: nothing arrives before what was sent before it. */
  arrivesMs: number;
  readonly messagesMax: number;
  /** Another one has taken its place: it is opened again, unless its engine has stopped by then. */
  lose(): void;
}

interface Taken {
  readonly message: Message;
}

interface Partition {
  created: string;
  lastSeq: number;
  messages: Map<number, Message>;
  /** Ids of messages that were stored, for the server's window of duplicates. */
  ids: Map<string, number>;
  consumer: Consumer | null;
}

/** JetStream, with the faults that a seed chooses. */
export interface SimStreams {
  connect(process: SimProcess): SimStreamClient;
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
  /** Messages of one partition at most. */
  messagesMax: number;
  /** Stores a text that no publisher of ours has made. */
  put(partition: number, text: string): void;
  readonly waiting: number;
}

export type StreamsCopy = readonly Pick<Partition, "created" | "lastSeq" | "messages" | "ids">[];

/** One process's connection. */
export interface SimStreamClient extends InboundStream {
  readonly states: StreamStates;
}

const latencyMsMax = 3;
const publishTimeoutMs = 2_000;
const ackWaitMs = 30_000;
const atWork = Number.POSITIVE_INFINITY;
/** Of one consumer, unsettled at once: production's 128 would need as long bursts as that. */
const consumerMessagesMax = 24;
const checkAgainMs = 250;
const reopenMs = 250;
const fullCode = 10_077;

export function createSimStreams(kernel: Kernel): SimStreams {
  const { random } = kernel;
  const delay = () => 0.2 + random.next() * latencyMsMax;
  let made = 0;
  const madeAnew = (): Partition => {
    made += 1;
    return {
      created: `made-${made}`,
      lastSeq: 0,
      messages: new Map(),
      ids: new Map(),
      consumer: null,
    };
  };
  let streams = partitions.map(madeAnew);
  let isAway = false;
  const onAway = new Set<() => void>();
  const onBack = new Set<() => void>();

  function store(partition: number, text: string, id: string | null): number {
    const stream = streams[partition]!;
    const known = id === null ? undefined : stream.ids.get(id);
    if (known !== undefined) return known;
    if (stream.messages.size >= sim.messagesMax) throw full();
    stream.lastSeq += 1;
    if (id !== null) stream.ids.set(id, stream.lastSeq);
    stream.messages.set(stream.lastSeq, {
      seq: stream.lastSeq,
      text,
      storedMs: kernel.nowMs,
      fromMs: 0,
    });
    pump(stream);
    return stream.lastSeq;
  }

  function pump(stream: Partition): void {
    const { consumer } = stream;
    if (consumer === null || isAway) return;
    let inFlight = 0;
    for (const { fromMs } of stream.messages.values()) if (fromMs === atWork) inFlight += 1;
    for (const message of stream.messages.values()) {
      if (inFlight >= consumer.messagesMax) return;
      if (message.fromMs > kernel.nowMs) continue;
      inFlight += 1;
      message.fromMs = atWork;
      consumer.arrivesMs = Math.max(consumer.arrivesMs, kernel.nowMs + delay());
      consumer.process.deliver(consumer.arrivesMs - kernel.nowMs, () => {
        if (stream.consumer === consumer) consumer.receive(message);
      });
    }
  }

  /** The server hears of the end of a message. `again`: it is to come again after so long. */
  function settled(
    stream: Partition,
    consumer: Consumer,
    taken: Taken,
    again: number | null,
  ): void {
    const { message } = taken;
    if (consumer.unsettled.get(message.seq) === taken) consumer.unsettled.delete(message.seq);
    if (consumer.process.state === "dead") return;
    const isLost = isAway || (again === null && random.chance(sim.acksLost));
    kernel.at(delay(), () => {
      if (stream.messages.get(message.seq) !== message || stream.consumer !== consumer) return;
      if (!isLost && again === null) {
        stream.messages.delete(message.seq);
        return pump(stream);
      }
      const restMs = isLost ? ackWaitMs : (again ?? 0);
      message.fromMs = kernel.nowMs + restMs;
      kernel.at(restMs, () => pump(stream));
    });
  }

  function consume(process: SimProcess, options: Parameters<InboundStream["consume"]>[0]) {
    const partition = options.partition!;
    let isStopping = false;
    const idle: (() => void)[] = [];
    let current: Partition | null = null;
    const positions = createMessagePositions(options.after ?? -1);
    const consumer: Consumer = {
      process,
      unsettled: new Map(),
      messagesMax: Math.min(options.inFlightMax, consumerMessagesMax),
      lose() {
        if (current !== null) process.clock.schedule(reopenMs, open);
        current = null;
      },
      arrivesMs: 0,
      receive(message) {
        if (isStopping || consumer.unsettled.get(message.seq)?.message === message) return;
        const stream = current;
        if (stream === null) return;
        const taken: Taken = { message };
        consumer.unsettled.set(message.seq, taken);
        const first = positions(message.seq, message.storedMs);
        deliver({ first, text: message.text }, options, (again) => {
          settled(stream, consumer, taken, again);
          if (consumer.unsettled.size === 0) for (const wake of idle.splice(0)) wake();
        });
      },
    };
    /** Also when the streams were made anew: the consumer went with the old one, and is opened again. */
    function open(): void {
      if (isStopping || process.state === "dead") return;
      const stream = streams[partition]!;
      if (current === stream) return pump(stream);
      current = stream;
      const earlier = stream.consumer;
      stream.consumer = consumer;
      earlier?.lose();
      for (const message of stream.messages.values()) message.fromMs = 0;
      pump(stream);
    }
    return { open, stop };

    function stop(): Promise<void> {
      isStopping = true;
      onBack.delete(open);
      if (current?.consumer === consumer) current.consumer = null;
      if (consumer.unsettled.size === 0) return Promise.resolve();
      return new Promise((resolve) => idle.push(resolve));
    }
  }

  /** The items of a message, each settled by itself; the message is when all are. */
  function deliver(
    { first, text }: { readonly first: number; readonly text: string },
    { onDelivery, onUnread }: Parameters<InboundStream["consume"]>[0],
    onSettled: (againMs: number | null) => void,
  ): void {
    const items = readItems(text);
    let left = items.length;
    let againMs: number | null = null;
    for (const [index, read] of items.entries()) {
      let isOpen = true;
      const settle = (again: number | null) => {
        if (!isOpen) return;
        isOpen = false;
        if (again !== null) againMs = Math.max(againMs ?? 0, again);
        left -= 1;
        if (left === 0) onSettled(againMs);
      };
      const part: Pick<InboundDelivery, "position" | "done" | "retry"> = {
        position: first + index,
        done: () => settle(null),
        retry: settle,
      };
      if (read.kind === "item") onDelivery({ ...part, item: read.item });
      else {
        const of = read.kind === "newer" ? read.of : null;
        const unread: UnreadDelivery = {
          ...part,
          of,
          text: read.text,
          park: () => Promise.reject(new Error("the backlog parks it")),
        };
        onUnread?.(unread);
      }
    }
  }

  function connect(process: SimProcess): SimStreamClient {
    let acknowledged = partitions.map(() => 0);
    let losses = 0;
    let isHeld = isAway;
    const waiting = new Set<() => void>();
    const checks: (() => Promise<void>)[] = [];
    const mine = (): boolean => process.state !== "dead";

    function release(): void {
      isHeld = false;
      for (const go of waiting) go();
      waiting.clear();
    }
    onAway.add(() => void (isHeld = true));
    onBack.add(check);
    function check(): void {
      if (!mine() || isAway) return;
      Promise.all(checks.map((one) => one())).then(
        () => {
          if (!isAway) release();
        },
        () => void process.clock.schedule(checkAgainMs, check),
      );
    }

    const ready = (): Promise<void> =>
      isHeld
        ? new Promise((resolve, reject) => {
            const go = () => {
              cancel();
              resolve();
            };
            const cancel = process.clock.schedule(publishTimeoutMs, () => {
              waiting.delete(go);
              reject(new Error("the streams were not checked in time"));
            });
            waiting.add(go);
          })
        : Promise.resolve();

    /** A request to the server; one that gets no answer may have been carried out. */
    const request = <Result>(run: () => Result): Promise<Result> =>
      new Promise((resolve, reject) => {
        const cancel = process.clock.schedule(publishTimeoutMs, () => reject(new Error("timeout")));
        kernel.at(delay(), () => {
          if (isAway) return;
          let answer: () => void;
          try {
            const result = run();
            answer = () => resolve(result);
          } catch (error) {
            answer = () => reject(error as Error);
          }
          process.deliver(delay(), () => {
            cancel();
            answer();
          });
        });
      });

    const append = createInboundPublisher({
      jetstream: {
        publish: async (subject, text, { msgID = "" } = {}) => {
          const partition = Number(subject.slice(subject.lastIndexOf(".") + 1));
          const seq = await request(() => store(partition, String(text), msgID));
          return { stream: "", domain: "", seq, duplicate: false };
        },
      },
      subjectPrefix: "inbound",
      publishTimeoutMs,
      era: 0,
      gather: queueMicrotask,
      losses: () => losses,
      ready,
      stored(partition, seq) {
        acknowledged[partition] = Math.max(acknowledged[partition] ?? 0, seq);
      },
    });

    return {
      append,
      appendAgain: () => Promise.reject(new Error("nothing is replayed here")),
      async consume(options) {
        const { open, stop } = consume(process, options);
        await request(open);
        onBack.add(open);
        return stop;
      },
      states: {
        states: () => request(() => streams.map(stateOf)),
        acknowledged: () => [...acknowledged],
        forgetAcknowledged() {
          losses += 1;
          acknowledged = partitions.map(() => 0);
        },
        onBack: (listener) => void checks.push(listener),
      },
    };
  }

  function comesBack(): void {
    isAway = false;
    for (const listener of [...onBack]) listener();
    for (const stream of streams) pump(stream);
  }

  const sim: SimStreams = {
    acksLost: 0,
    messagesMax: Number.POSITIVE_INFINITY,
    connect,
    goAway() {
      isAway = true;
      for (const listener of onAway) listener();
    },
    comesBack,
    loseAll() {
      streams = partitions.map(madeAnew);
    },
    copy: () =>
      streams.map(({ created, lastSeq, messages, ids }) => ({
        created,
        lastSeq,
        messages: new Map([...messages].map(([seq, one]) => [seq, { ...one }])),
        ids: new Map(ids),
      })),
    rollBack(copy) {
      streams = copy.map((one) => ({ ...one, consumer: null }));
    },
    put: (partition, text) => void store(partition, text, null),
    get waiting() {
      return streams.reduce((sum, { messages }) => sum + messages.size, 0);
    },
  };
  return sim;
}

/** Everything before its oldest message has had its turn. */
function stateOf({ created, lastSeq, messages }: Partition, partition: number): StreamState {
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
