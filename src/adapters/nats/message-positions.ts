import { messageOf, positionsPerMessage } from "../../ports/conversation/inbound-stream.ts";

/** The position of a message's first item. `storedAt`: by the server's clock. */
export type MessagePositions = (seq: number, storedAt: number) => number;

/**
 * Positions rise for as long as a consumer lives, also where the stream counts from the beginning again: it was made
 * anew, or an older copy of it took its place. What was stored later then has a number that was given before.
 * @param after all positions are beyond this one
 */
export function createMessagePositions(after: number): MessagePositions {
  let base = messageOf(after) + 1;
  let furthest = { seq: 0, storedAt: 0 };
  return (seq, storedAt) => {
    if (storedAt > furthest.storedAt) {
      if (seq <= furthest.seq) base += furthest.seq;
      furthest = { seq, storedAt };
    }
    return (base + seq) * positionsPerMessage;
  };
}
