import type { InboundStream } from "../../ports/conversation/inbound-stream.ts";
import type {
  ParkedItem,
  ParkedQuery,
  ParkedStore,
} from "../../ports/conversation/parked-store.ts";

export interface ParkedReplayOptions {
  readonly parked: Pick<ParkedStore, "replayable" | "remove" | "count" | "now">;
  readonly stream: Pick<InboundStream, "appendAgain">;
}

/** Parked messages on their way to their turns again. */
export interface ParkedReplay {
  /** `false`: nothing that could be replayed was set aside under that id. */
  one(id: string, accounts: ParkedQuery["accounts"]): Promise<boolean>;
  /**
   * The next part of those that match, in each user's order. `until` bounds the whole to what was set aside before the
   * first part, so that what fails anew is not taken up again.
   */
  next(of: ParkedQuery): Promise<{
    readonly replayed: number;
    readonly left: number;
    readonly until: string;
  }>;
}

/** Of one part: each is one question to NATS and one to Postgres. */
const partMax = 100;

/**
 * Appends before it removes: cut off in between, a message is appended again under the same id, or is found to have
 * taken effect.
 */
export function createParkedReplay({ parked, stream }: ParkedReplayOptions): ParkedReplay {
  async function putBack(found: Awaited<ReturnType<ParkedStore["replayable"]>>): Promise<void> {
    for (const one of found) {
      await stream.appendAgain(one.item, nameOf(one));
      await parked.remove(one);
    }
  }

  return {
    async one(id, accounts) {
      if (!/^\d{1,18}$/.test(id)) return false;
      const found = await parked.replayable({ accounts, id, limit: 1 });
      await putBack(found);
      return found.length > 0;
    },
    async next(of) {
      const until = of.until ?? (await parked.now());
      const query = { ...of, until };
      const found = await parked.replayable({ ...query, limit: partMax });
      await putBack(found);
      return { replayed: found.length, left: await parked.count(query), until };
    },
  };
}

const nameOf = ({ id, at }: ParkedItem): string => `parked:${id}:${at}`;
