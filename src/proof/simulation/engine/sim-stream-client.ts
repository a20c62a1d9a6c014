import { createInboundPublisher } from "../../../adapters/nats/inbound-publisher.ts";
import type { InboundStream } from "../../../ports/conversation/inbound-stream.ts";
import { itemText } from "../../../ports/conversation/item-text.ts";
import { partitionOf, partitions } from "../../../ports/conversation/partitions.ts";
import type { StreamStates } from "../../../ports/conversation/stream-state.ts";
import type { SimProcess } from "../kernel.ts";
import { createSimConsumer } from "./sim-consumer.ts";
import { type SimStreams, stateOf } from "./sim-stream.ts";

/** One process's connection: production's publisher, over a simulated server. */
export interface SimStreamClient extends InboundStream {
  readonly states: StreamStates;
}

const publishTimeoutMs = 2_000;
const checkAgainMs = 250;

export function connectStreams(streams: SimStreams, process: SimProcess): SimStreamClient {
  const { kernel, delay } = streams;
  const { clock } = process;
  let acknowledged = partitions.map(() => 0);
  let losses = 0;
  const hold = createHold(streams, process);

  /** A request to the server; one that gets no answer may have been carried out. */
  const request = <Result>(run: () => Result): Promise<Result> =>
    new Promise((resolve, reject) => {
      const cancel = clock.schedule(publishTimeoutMs, () => reject(new Error("timeout")));
      kernel.at(delay(), () => {
        if (streams.isAway) return;
        let answer: () => void;
        try {
          const result = run();
          answer = () => resolve(result);
        } catch (error) {
          answer = () => reject(error);
        }
        if (kernel.random.chance(streams.answersLost)) return;
        process.deliver(delay(), () => {
          // The answer goes with the connection.
          if (streams.isAway) return;
          cancel();
          answer();
        });
      });
    });

  return {
    append: createInboundPublisher({
      jetstream: {
        publish: async (subject, text, { msgID = "" } = {}) => {
          const partition = Number(subject.slice(subject.lastIndexOf(".") + 1));
          const seq = await request(() => streams.store(partition, String(text), msgID));
          return { stream: "", domain: "", seq, duplicate: false };
        },
      },
      subjectPrefix: "inbound",
      publishTimeoutMs,
      era: 0,
      gather: queueMicrotask,
      losses: () => losses,
      ready: hold.over,
      stored(partition, seq) {
        acknowledged[partition] = Math.max(acknowledged[partition] ?? 0, seq);
      },
    }),
    async appendAgain(item, id) {
      const text = `[${itemText({ ...item, replay: id })}]`;
      await request(() => streams.store(partitionOf(item), text, id));
    },
    async consume(options) {
      const { open, stop } = createSimConsumer(streams, process, options);
      await request(open).catch((error: unknown) => {
        // It may be there all the same; nobody pulls its messages.
        void stop();
        throw error;
      });
      streams.onBack.add(open);
      return stop;
    },
    states: {
      states: () => request(() => streams.lives.map(stateOf)),
      acknowledged: () => [...acknowledged],
      forgetAcknowledged() {
        losses += 1;
        acknowledged = partitions.map(() => 0);
      },
      onBack: hold.onBack,
    },
  };
}

/** Nothing new is stored from a lost connection until its return has been checked. */
function createHold(streams: SimStreams, process: SimProcess) {
  const { clock } = process;
  const checks: (() => Promise<void>)[] = [];
  const waiting = new Set<() => void>();
  let isHeld = streams.isAway;

  function release(): void {
    if (streams.isAway) return;
    isHeld = false;
    for (const go of waiting) go();
    waiting.clear();
  }

  function check(): void {
    if (streams.isAway || process.state === "dead") return;
    Promise.all(checks.map((one) => one())).then(
      release,
      () => void clock.schedule(checkAgainMs, check),
    );
  }

  streams.onAway.add(() => void (isHeld = true));
  streams.onBack.add(check);

  return {
    onBack: (listener: () => Promise<void>) => void checks.push(listener),
    over: (): Promise<void> =>
      isHeld
        ? new Promise((resolve, reject) => {
            const go = () => {
              cancel();
              resolve();
            };
            const cancel = clock.schedule(publishTimeoutMs, () => {
              waiting.delete(go);
              reject(new Error("the streams were not checked in time"));
            });
            waiting.add(go);
          })
        : Promise.resolve(),
  };
}
