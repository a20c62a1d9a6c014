import type { JetStreamManager } from "@nats-io/jetstream";
import type { ParkedStore } from "../../ports/conversation/parked-store.ts";
import { unlessAbsent } from "./absent.ts";
import { parseItem } from "./inbound-item.ts";

export type KeepParked = ParkedStore["keep"];

export interface EarlierParkedOptions {
  readonly manager: JetStreamManager;
  readonly stream: string;
  readonly keep: KeepParked;
}

const reasonHeader = "Holdfast-Reason";

/**
 * Moves what an earlier version set aside in a stream of NATS, in order. Safe to be cut off and run again, also by
 * several hosts at once: each message is kept under its number there. The stream stays for hosts of that version.
 */
export async function adoptEarlierParked(options: EarlierParkedOptions): Promise<void> {
  const { manager, stream, keep } = options;
  const info = await unlessAbsent(manager.streams.info(stream));
  if (info === null || info.state.messages === 0) return;
  const { state } = info;
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    const message = await unlessAbsent(manager.streams.getMessage(stream, { seq }));
    if (message === null) continue;
    const data = message.string();
    const source = `${stream}:${seq}`;
    await keep({ source, data, item: parseItem(data), reason: message.header.get(reasonHeader) });
    await unlessAbsent(manager.streams.deleteMessage(stream, seq));
  }
}
