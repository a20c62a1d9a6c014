import { expect, it } from "vitest";
import { createMessagePositions } from "../../../src/adapters/nats/message-positions.ts";
import { positionsPerMessage } from "../../../src/ports/conversation/inbound-stream.ts";

it("a stream's messages have its own numbers, also where one comes again", () => {
  const positionOf = createMessagePositions(-1);
  expect([positionOf(1, 10), positionOf(2, 20), positionOf(1, 10)]).toEqual([
    positionsPerMessage,
    2 * positionsPerMessage,
    positionsPerMessage,
  ]);
});

it("a stream that was made anew, or is an older copy, goes on behind what was given before", () => {
  const positionOf = createMessagePositions(-1);
  const before = [1, 2, 3].map((seq) => positionOf(seq, seq));
  const anew = [positionOf(1, 11), positionOf(2, 12)];
  const rolledBack = positionOf(2, 21);
  expect([...before, ...anew, rolledBack]).toEqual(
    [...before, ...anew, rolledBack].toSorted((a, b) => a - b),
  );
  expect(positionOf(2, 21)).toBe(rolledBack);
});

it("every position is beyond the one that it was told", () => {
  const after = 41 * positionsPerMessage + 7;
  expect(createMessagePositions(after)(1, 1)).toBeGreaterThan(after);
});
