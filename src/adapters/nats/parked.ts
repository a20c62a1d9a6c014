import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { InboundStream, ParkedItem } from "../../ports/conversation/inbound-stream.ts";
import { itemText } from "../../ports/conversation/item-text.ts";
import { partitionOf } from "../../ports/conversation/partitions.ts";
import { unlessAbsent } from "./connection.ts";
import { parseItem, partitionSubject } from "./inbound-item.ts";

export const reasonHeader = "Holdfast-Reason";

export interface ParkedOptions {
  readonly manager: JetStreamManager;
  readonly jetstream: JetStreamClient;
  readonly parkedStream: string;
  readonly subjectPrefix: string;
  readonly timeoutMs: number;
}

/** Parked messages, in a stream of their own, by their numbers there. */
export function createParked(options: ParkedOptions): Pick<InboundStream, "listParked" | "unpark"> {
  const { manager, jetstream, parkedStream } = options;

  const read = (seq: number) => unlessAbsent(manager.streams.getMessage(parkedStream, { seq }));

  return {
    async listParked(limit) {
      const { state } = await manager.streams.info(parkedStream);
      const found: ParkedItem[] = [];
      for (let seq = state.last_seq; seq >= state.first_seq && found.length < limit; seq -= 1) {
        const message = state.messages === 0 ? null : await read(seq);
        if (message === null) continue;
        found.push({
          id: String(seq),
          reason: message.header.get(reasonHeader),
          at: message.time.toISOString(),
          item: parseItem(message.string()),
        });
      }
      return found;
    },
    async unpark(id) {
      if (!/^\d{1,15}$/.test(id)) return false;
      const message = await read(Number(id));
      const item = message === null ? null : parseItem(message.string());
      if (item === null) return false;
      // Under an id of its own: within the window, the item's own would make it a duplicate.
      await jetstream.publish(
        partitionSubject(options.subjectPrefix, partitionOf(item)),
        `[${itemText(item)}]`,
        {
          msgID: `${parkedStream}:${id}`,
          timeout: options.timeoutMs,
        },
      );
      await manager.streams.deleteMessage(parkedStream, Number(id));
      return true;
    },
  };
}
