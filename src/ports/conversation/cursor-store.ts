import type { GrantRef } from "../custody/gate.ts";
import type { ChatPeer, UpdateCursor } from "../telegram/telegram.ts";
import type { StreamPlace } from "./stream-state.ts";

/** A gap that is being read back, chat by chat. */
export interface GapReading {
  readonly fromPts: number;
  readonly toPts: number;
  /** Messages since then are read, Unix seconds. */
  readonly sinceDate: number;
  /**
   * Chats that are still to be read, the newest first. Their pushed messages are left to the reading. One that is named
   * `*` stands for all chats of a bot.
   */
  readonly unread: readonly ChatPeer[];
  /** Messages that were read back so far. */
  readonly recovered: number;
  /** What cannot be read back, in words; empty for a gap that is filled. */
  readonly missing: readonly string[];
}

/** A gap as it is reported. */
export type ReportedGap = Pick<GapReading, "fromPts" | "toPts" | "recovered" | "missing">;

export interface StoredCursor {
  readonly cursor: UpdateCursor;
  readonly place: StreamPlace;
  /** null: no gap is being read back. */
  readonly reading: GapReading | null;
}

/**
 * The update cursor per account: ours, advanced only after the stream has acknowledged. Each write of a holder answers
 * `false` when the token of its grant is not connected or draining under this epoch any more.
 */
export interface CursorStore {
  load(account: string): Promise<StoredCursor | null>;
  /**
   * From the cursor that this holder stored last (null: none was there) to the next. `false` also when another cursor
   * stands there. In that case Postgres was restored, and the updates in between would be skipped.
   */
  advance(
    grant: GrantRef,
    from: UpdateCursor | null,
    to: UpdateCursor,
    place: StreamPlace,
  ): Promise<boolean>;
  /** The newest marked cursor before which every message has had its turn; null for none. */
  settled(account: string): Promise<UpdateCursor | null>;
  /** Keeps how far a gap is read back, in place of what was kept before. */
  keepReading(grant: GrantRef, reading: GapReading): Promise<boolean>;
  /** The gap is read back, and reported. */
  endReading(grant: GrantRef, gap: ReportedGap, place: StreamPlace): Promise<boolean>;
  reportGap(account: string, gap: ReportedGap): Promise<void>;
}
