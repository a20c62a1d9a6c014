import { createMessagePositions } from "../../../adapters/nats/message-positions.ts";
import type {
  InboundDelivery,
  InboundStream,
  UnreadDelivery,
} from "../../../ports/conversation/inbound-stream.ts";
import { readItems } from "../../../ports/conversation/item-text.ts";
import type { SimProcess } from "../kernel.ts";
import type { SimStreams, StreamConsumer, StreamLife, Taken } from "./sim-stream.ts";

type ConsumeOptions = Parameters<InboundStream["consume"]>[0];

/** Of one consumer, unsettled at once: production's 128 would need as long bursts as that. */
const consumerMessagesMax = 24;
const reopenMs = 250;
const lastAckMs = 10;

/** One partition's consumer. `open` also when the streams were made anew: a consumer goes with its stream. */
export function createSimConsumer(
  streams: SimStreams,
  process: SimProcess,
  options: ConsumeOptions,
): { open(): void; stop(): Promise<void> } {
  const partition = options.partition!;
  const positions = createMessagePositions(options.after ?? -1);
  const unsettled = new Map<number, Taken>();
  const idle: (() => void)[] = [];
  let current: StreamLife | null = null;

  const consumer: StreamConsumer = {
    process,
    messagesMax: Math.min(options.inFlightMax, consumerMessagesMax),
    arrivesMs: 0,
    isStopping: false,
    lose() {
      if (current !== null) process.clock.schedule(reopenMs, open);
      current = null;
    },
    receive(message) {
      const life = current;
      if (consumer.isStopping || life === null || unsettled.get(message.seq)?.message === message)
        return;
      const taken: Taken = { message };
      unsettled.set(message.seq, taken);
      const first = positions(message.seq, message.storedMs);
      deliver({ first, text: message.text }, options, (again) => {
        if (unsettled.get(message.seq) === taken) unsettled.delete(message.seq);
        streams.settle(life, consumer, message, again);
        if (unsettled.size === 0) for (const wake of idle.splice(0)) wake();
      });
    },
  };

  function open(): void {
    if (consumer.isStopping || process.state === "dead") return;
    const life = streams.lives[partition]!;
    if (current === life) return streams.pump(life);
    current = life;
    const earlier = life.consumer;
    life.consumer = consumer;
    earlier?.lose();
    for (const message of life.messages.values()) message.fromMs = 0;
    streams.pump(life);
  }

  return {
    open,
    stop() {
      consumer.isStopping = true;
      streams.onBack.delete(open);
      const leave = () => {
        if (current?.consumer === consumer) current.consumer = null;
      };
      if (unsettled.size === 0) {
        leave();
        return Promise.resolve();
      }
      // The server has heard of the last one's end before the consumer goes.
      return new Promise((resolve) => {
        idle.push(() =>
          process.deliver(lastAckMs, () => {
            leave();
            resolve();
          }),
        );
      });
    },
  };
}

/** The items of a message, each settled by itself; the message is when all are. */
function deliver(
  { first, text }: { readonly first: number; readonly text: string },
  { onDelivery, onUnread }: ConsumeOptions,
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
    if (read.kind === "item") {
      onDelivery({ ...part, item: read.item });
      continue;
    }
    const unread: UnreadDelivery = {
      ...part,
      of: read.kind === "newer" ? read.of : null,
      text: read.text,
      park: () => Promise.reject(new Error("the backlog parks it")),
    };
    onUnread?.(unread);
  }
}
