import type { SessionDecision } from "../../../machines/conversation-rules.ts";
import { hashText } from "../../ports/text-hash.ts";

/** The newest inbound ids of one user that took effect under this owner, as hashes. */
export interface TakenIds {
  readonly older: readonly number[];
  /** Wall clock, milliseconds: all that took effect since then stand in `older` or in `newer`. */
  readonly olderSinceMs: number;
  readonly newer: readonly number[];
  /** The same for `newer` alone. */
  readonly newerSinceMs: number;
}

/** Hosts' wall clocks differ by less. */
const skewMsMax = 2_000;
/** So long a message may well be under way until its turn, beside the skew. */
const restMs = 10_000;
/** Of one user in one half: a message that comes again comes soon, and the store knows all. */
const halfMin = 16;
/** One who writes faster than this in `restMs` is asked for in the store, as nothing may grow without a bound. */
const halfMax = 4_096;

/** What came before this owner's first turn of a user may have taken effect, unless there was nothing before. */
export function noneTaken(decision: SessionDecision, nowMs: number): TakenIds {
  const sinceMs = decision === "SESSION_CREATED_FIRST_CONTACT" ? Number.NEGATIVE_INFINITY : nowMs;
  return { older: [], olderSinceMs: sinceMs, newer: [], newerSinceMs: sinceMs };
}

/** With one more id. The older half goes once the newer one has enough, and goes back far enough. */
export function takenAfter(before: TakenIds, inboundId: string, nowMs: number): TakenIds {
  const newer = before.newer.concat(markOf(inboundId));
  const isEnough = newer.length >= halfMin && nowMs - before.newerSinceMs >= restMs;
  if (isEnough || newer.length >= halfMax) {
    return { older: newer, olderSinceMs: before.newerSinceMs, newer: [], newerSinceMs: nowMs };
  }
  return { ...before, newer };
}

/** Numbers that are remembered. */
export const countOf = ({ older, newer }: TakenIds): number => older.length + newer.length;

/**
 * Whether the message may have taken effect. One that was written or received before all ids are known may have under
 * an earlier owner: a copy is received later than its message. Another id may have the same hash.
 */
export const mayBeTaken = (
  { older, newer, olderSinceMs }: TakenIds,
  {
    inboundId,
    receivedAtMs,
    writtenAtMs = receivedAtMs,
  }: {
    readonly inboundId?: string;
    readonly receivedAtMs?: number;
    readonly writtenAtMs?: number;
  },
): boolean => {
  if (inboundId === undefined) return false;
  const mark = markOf(inboundId);
  if (newer.includes(mark) || older.includes(mark)) return true;
  if (receivedAtMs === undefined) return false;
  return Math.min(receivedAtMs, writtenAtMs ?? receivedAtMs) < olderSinceMs + skewMsMax;
};

/** A number that V8 keeps in place. */
const markOf = (inboundId: string): number => hashText(inboundId) >> 1;
