import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import { itemText } from "../../ports/conversation/item-text.ts";
import { partitionOf } from "../../ports/conversation/partitions.ts";
import { unlessAbsent } from "./absent.ts";
import { parseItem, partitionSubject } from "./inbound-item.ts";

export interface EarlierStreamOptions {
  readonly manager: JetStreamManager;
  readonly jetstream: JetStreamClient;
  readonly stream: string;
  readonly subjectPrefix: string;
  readonly timeoutMs: number;
}

/**
 * The one stream for all chat users of a version without partitions. `setAside` frees its subjects
 * for the partitions' streams. `adopt` moves the messages not yet taken, in order, and deletes it.
 * Safe to be cut off and run again: a message moved twice has one id.
 */
export function earlierStream(options: EarlierStreamOptions) {
  const { manager, jetstream, stream, subjectPrefix, timeoutMs } = options;

  return {
    async setAside(): Promise<boolean> {
      const info = await unlessAbsent(manager.streams.info(stream));
      if (info === null) return false;
      for await (const { name } of manager.consumers.list(stream)) {
        await manager.consumers.delete(stream, name);
      }
      await manager.streams.update(stream, { subjects: [`${subjectPrefix}-earlier`] });
      return true;
    },
    async adopt(): Promise<void> {
      // Another host may do the same, and be done first.
      const info = await unlessAbsent(manager.streams.info(stream));
      if (info === null) return;
      const { state } = info;
      for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
        const message = await unlessAbsent(manager.streams.getMessage(stream, { seq }));
        const item = message === null ? null : parseItem(message.string());
        if (item === null) continue;
        const subject = partitionSubject(subjectPrefix, partitionOf(item));
        const publishOptions = { msgID: `${stream}:${seq}`, timeout: timeoutMs };
        await jetstream.publish(subject, `[${itemText(item)}]`, publishOptions);
      }
      await unlessAbsent(manager.streams.delete(stream));
    },
  };
}
