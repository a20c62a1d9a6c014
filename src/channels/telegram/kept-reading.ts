import { serially } from "../../concurrency/serially.ts";
import type { CursorStore, GapReading } from "../../ports/conversation/cursor-store.ts";
import type { StreamPlace } from "../../ports/conversation/stream-state.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import type { ChatPeer } from "../../ports/telegram/telegram.ts";
import { tokenMoved } from "./faults.ts";
import { beyondIdOf, everyChat } from "./read-by-ids.ts";

/** A gap that is being read back, as this process knows it. */
export interface Reading extends Omit<GapReading, "unread"> {
  readonly unread: Map<string, ChatPeer>;
}

/** The reading of an account, and its copy in the store. Writes follow one another. Each throws TOKEN_LOST. */
export interface KeptReading {
  readonly now: Reading | null;
  /** Takes up a further gap: one reading in place of two. */
  add(gap: GapReading): void;
  /** Begins earlier, and from the beginning of its chats: what was stored of them may be lost. */
  widen(from: Pick<GapReading, "fromPts" | "sinceDate">): void;
  note(read: Pick<GapReading, "recovered" | "missing">): void;
  keep(): Promise<void>;
  /** Reports the gap. A reading that is added meanwhile is one of its own. */
  end(ended: Reading, place: StreamPlace): Promise<void>;
}

export function createKeptReading(
  grant: GrantRef,
  store: Pick<CursorStore, "keepReading" | "endReading">,
): KeptReading {
  const oneByOne = serially();
  let now: Reading | null = null;

  return {
    get now() {
      return now;
    },
    add(gap) {
      const unread = new Map(gap.unread.map((peer) => [peer.userId, peer]));
      now = merged({ ...gap, unread }, now);
    },
    widen({ fromPts, sinceDate }) {
      if (now === null) return;
      const isOfBot = [...now.unread.values()].some((peer) => beyondIdOf(peer) !== null);
      if (isOfBot) now.unread.set(everyChat(0).userId, everyChat(0));
      now = {
        ...now,
        fromPts: Math.min(now.fromPts, fromPts),
        sinceDate: Math.min(now.sinceDate, sinceDate),
      };
    },
    note({ recovered, missing }) {
      if (now !== null) now = { ...now, recovered, missing: union(now.missing, missing) };
    },
    keep: () =>
      oneByOne(async () => {
        if (now === null) return;
        const kept = { ...now, unread: [...now.unread.values()] };
        if (!(await store.keepReading(grant, kept))) throw tokenMoved(grant);
      }),
    async end(ended, place) {
      now = null;
      try {
        const { fromPts, toPts, recovered, missing } = ended;
        const gap = { fromPts, toPts, recovered, missing };
        const isMine = await oneByOne(() => store.endReading(grant, gap, place));
        if (!isMine) throw tokenMoved(grant);
      } catch (error) {
        now = merged(ended, now);
        throw error;
      }
    },
  };
}

/** From where the earlier one began, of the chats of both. */
function merged(newer: Reading, older: Reading | null): Reading {
  if (older === null) return newer;
  return {
    fromPts: Math.min(newer.fromPts, older.fromPts),
    toPts: Math.max(newer.toPts, older.toPts),
    sinceDate: Math.min(newer.sinceDate, older.sinceDate),
    unread: new Map([...newer.unread, ...older.unread]),
    recovered: newer.recovered + older.recovered,
    missing: union(newer.missing, older.missing),
  };
}

const union = (some: readonly string[], more: readonly string[]): readonly string[] => [
  ...new Set([...some, ...more]),
];
