import type { SessionDecision } from "../../../machines/conversation-rules.ts";
import { hashText } from "../../ports/text-hash.ts";

/** The newest inbound ids of one user that took effect under this owner. */
export interface TakenIds {
  /** Their hashes, oldest first. */
  readonly taken: readonly number[];
  /** Wall clock, milliseconds: of messages that were received since then, `taken` has all that took effect. */
  readonly takenSinceMs: number;
  /** The same for the newer half of `taken`. */
  readonly halfSinceMs: number;
}

/** Of one user: a message that comes again comes soon, and the store knows all. */
const takenMax = 32;
/** Hosts' wall clocks differ by less. */
const skewMsMax = 2_000;

/** What came before this owner's first turn of a user may have taken effect, unless there was nothing before. */
export function noneTaken(decision: SessionDecision, nowMs: number): TakenIds {
  const sinceMs = decision === "SESSION_CREATED_FIRST_CONTACT" ? Number.NEGATIVE_INFINITY : nowMs;
  return { taken: [], takenSinceMs: sinceMs, halfSinceMs: sinceMs };
}

/** With one more id. Of too many the older half goes. */
export function takenAfter(before: TakenIds, inboundId: string, nowMs: number): TakenIds {
  const taken = [...before.taken, markOf(inboundId)];
  if (taken.length >= takenMax) {
    return {
      taken: taken.slice(takenMax / 2),
      takenSinceMs: before.halfSinceMs,
      halfSinceMs: nowMs,
    };
  }
  const isHalf = taken.length === takenMax / 2;
  return {
    taken,
    takenSinceMs: before.takenSinceMs,
    halfSinceMs: isHalf ? nowMs : before.halfSinceMs,
  };
}

/**
 * Whether the message may have taken effect. One that was written or received before all ids are known may have under
 * an earlier owner: a copy is received later than its message. Another id may have the same hash.
 */
export const mayBeTaken = (
  { taken, takenSinceMs }: TakenIds,
  {
    inboundId,
    receivedAtMs,
    writtenAtMs = receivedAtMs,
  }: {
    readonly inboundId?: string;
    readonly receivedAtMs?: number;
    readonly writtenAtMs?: number;
  },
): boolean =>
  inboundId !== undefined &&
  (taken.includes(markOf(inboundId)) ||
    (receivedAtMs !== undefined &&
      Math.min(receivedAtMs, writtenAtMs ?? receivedAtMs) < takenSinceMs + skewMsMax));

/** A number that V8 keeps in place. */
const markOf = (inboundId: string): number => hashText(inboundId) >> 1;
