import { describe, expect, it } from "vitest";
import {
  countOf,
  mayBeTaken,
  noneTaken,
  takenAfter,
  type TakenIds,
} from "../../../src/conversation/turns/taken-ids.ts";

const startMs = 1_000_000;

/** One user who writes `count` messages, one every `everyMs`, each received just before its turn. */
function written(count: number, everyMs: number): { ids: TakenIds; nowMs: number; asked: number } {
  let ids = noneTaken("SESSION_REUSED", startMs);
  let nowMs = startMs;
  let asked = 0;
  for (let message = 0; message < count; message += 1) {
    nowMs += everyMs;
    if (mayBeTaken(ids, { inboundId: `m:${message}`, receivedAtMs: nowMs })) asked += 1;
    ids = takenAfter(ids, `m:${message}`, nowMs);
  }
  return { ids, nowMs, asked };
}

describe("the ids that a user's conversation remembers", () => {
  it.each([1, 2.5, 20, 60, 500, 5_000])(
    "spare one who writes every %d ms the store, but for the first moments under this owner",
    (everyMs) => {
      const { asked } = written(8_000, everyMs);
      expect(asked).toBeLessThanOrEqual(Math.ceil(2_000 / everyMs));
    },
  );

  it("know a message that comes again, and ask for one that came before them", () => {
    const { ids, nowMs } = written(100, 100);
    expect(mayBeTaken(ids, { inboundId: "m:99", receivedAtMs: nowMs })).toBe(true);
    expect(mayBeTaken(ids, { inboundId: "m:3", receivedAtMs: startMs + 300 })).toBe(true);
    expect(mayBeTaken(ids, { inboundId: "m:new", receivedAtMs: nowMs })).toBe(false);
    expect(mayBeTaken(ids, { inboundId: "m:old", receivedAtMs: startMs - 1 })).toBe(true);
  });

  it("lose none of those that took effect since the moment that they name", () => {
    let ids = noneTaken("SESSION_REUSED", startMs);
    for (let message = 0; message < 3_000; message += 1) {
      const nowMs = startMs + message * 37;
      ids = takenAfter(ids, `m:${message}`, nowMs);
      const first = Math.min(message, Math.ceil((ids.olderSinceMs - startMs) / 37) + 1);
      for (const known of [first, Math.floor((first + message) / 2), message])
        expect(mayBeTaken(ids, { inboundId: `m:${known}`, receivedAtMs: nowMs + 1e6 })).toBe(true);
    }
  });

  it("are bounded, however fast a user writes, and know all of a first contact", () => {
    expect(countOf(written(20_000, 0.01).ids)).toBeLessThanOrEqual(2 * 4_096);
    expect(countOf(written(500, 60_000).ids)).toBeLessThanOrEqual(32);
    const fresh = noneTaken("SESSION_CREATED_FIRST_CONTACT", startMs);
    expect(mayBeTaken(fresh, { inboundId: "m:1", receivedAtMs: 0 })).toBe(false);
  });
});
