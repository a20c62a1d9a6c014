import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { StreamWalk } from "../../ports/conversation/person-erasure.ts";
import { readItems } from "../../ports/conversation/item-text.ts";
import { partitions } from "../../ports/conversation/partitions.ts";
import { unlessAbsent } from "./absent.ts";
import { defaultNames, type InboundStreamNames, streamOf } from "./inbound-stream.ts";

/**
 * Looks at every message that stands in the inbound streams, each by its number. `at`: the place of the stream among
 * them, and the number.
 */
export function createStreamWalk(
  nats: NatsConnection,
  names: InboundStreamNames = defaultNames,
): StreamWalk {
  const streams = [...partitions.map((one) => streamOf(names, one)), names.parkedStream];
  return {
    async walk(at, budgetMs, visit) {
      const manager = await jetstreamManager(nats, { checkAPI: false });
      const untilMs = performance.now() + budgetMs;
      const [place = 0, number = 0] = (at ?? "0 0").split(" ").map(Number);
      for (const [index, stream] of streams.entries()) {
        if (index < place) continue;
        for (let seq = index === place ? number : 0; ; ) {
          if (performance.now() >= untilMs) return `${index} ${seq}`;
          // The next one at that number or behind it.
          const next = { seq: Math.max(1, seq), next_by_subj: ">" };
          const message = await unlessAbsent(manager.streams.getMessage(stream, next));
          if (message === null) break;
          const text = message.string();
          const items = readItems(text).flatMap((read) => {
            if (read.kind === "malformed") return [null];
            return [read.kind === "item" ? read.item : read.of];
          });
          // Its bytes are written over.
          if ((await visit({ stream, text, items })) === "erase")
            await unlessAbsent(manager.streams.deleteMessage(stream, message.seq, true)).catch(
              unlessForbidden,
            );
          seq = message.seq + 1;
        }
      }
      return null;
    },
  };
}

/** With credentials of an earlier version the message stays until its turn, which has no effect. */
function unlessForbidden(error: unknown): null {
  if (error instanceof Error && /permissions violation/i.test(error.message)) return null;
  throw error;
}
