import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type { AsideName, AsideWhy, ParkedStore } from "../../ports/conversation/parked-store.ts";

/**
 * The messages of one partition that were set aside: a copy that comes later is not asked again. A fetch of updates
 * that is repeated stores what it stored before, in other messages of the stream. What a person replays is no copy.
 */
export interface SetAside {
  /** Reads those of earlier owners. */
  learn(): Promise<true>;
  /** Why this very message stands aside; undefined: it does not. */
  whyOf(item: InboundItem): AsideWhy | undefined;
  add(item: InboundItem, why: AsideWhy): void;
}

/** Of one partition; beyond that the oldest are asked once more. */
const asideMax = 10_000;

export function createSetAside(parked: Pick<ParkedStore, "newest">, partition: number): SetAside {
  const known = new Map<string, AsideWhy>();

  /** The message, and the repetition of it that failed last. */
  function put(name: AsideName, why: AsideWhy): void {
    for (const key of new Set([keyOf(name, ""), keyOf(name, name.replay)])) {
      known.delete(key);
      known.set(key, why);
    }
    for (const oldest of known.keys()) {
      if (known.size <= asideMax) return;
      known.delete(oldest);
    }
  }

  return {
    async learn() {
      const found = await parked.newest(partition, asideMax);
      for (const one of found.toReversed()) put(one, one);
      return true;
    },
    whyOf: (item) => (known.size === 0 ? undefined : known.get(keyOf(item, item.replay))),
    add: put,
  };
}

const keyOf = ({ channel, account, inboundId }: AsideName, replay = ""): string =>
  `${channel}\n${account}\n${inboundId}\n${replay}`;
