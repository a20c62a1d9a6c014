import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { createGrants, type GrantsContext } from "../../src/accounts/grants.ts";
import { untilDone } from "../../src/accounts/handler-parts.ts";
import type { AccountEvent } from "../../src/ports/accounts/event-sink.ts";
import type { GrantRef } from "../../src/ports/custody/gate.ts";
import { settled, stateOf } from "../fixtures/promise-state.ts";
import { deferred } from "../fixtures/deferred.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

const ref = { account: "site-bot", slot: 1 };
const grant: GrantRef = { ...ref, epoch: 7 };
const tidyRetryMs = 1000;

/** An account's custody in the test's hand; `done` is what was asked of it, in order. */
function openContext(over: Partial<GrantsContext> = {}) {
  const clock = createTestClock();
  const done: string[] = [];
  const events: AccountEvent[] = [];
  const context: GrantsContext = {
    account: ref.account,
    clock,
    timings: { tidyRetryMs },
    events: { report: (event) => void events.push(event) },
    claims: {
      claim: async () => grant,
      untilFree: () => new Promise(() => {}),
      freed: ({ epoch }) => void done.push(`tell ${epoch}`),
    },
    gate: {
      incarnation: "this",
      async cut({ epoch }, how) {
        done.push(`cut ${epoch}${how?.idle === true ? " idle" : ""}`);
        return { sockets: 0, tookMs: 0 };
      },
    },
    tokens: {
      async released({ epoch }) {
        done.push(`released ${epoch}`);
        return { applied: false, token: null };
      },
      heldBy: async () => [],
    },
    ...over,
  };
  return { context, grants: createGrants(context), clock, done, events };
}

/** Claims of which the first ones fail or find the token held. */
function claimsAnswering(...answers: readonly (GrantRef | null | Error)[]) {
  const left = [...answers];
  return async () => {
    const answer = left.shift() ?? null;
    if (answer instanceof Error) throw answer;
    return answer;
  };
}

describe("a token that is sought", () => {
  it("is there at once when it is free", async () => {
    const { grants } = openContext();
    expect(await grants.seek(ref, new AbortController().signal)).toEqual(grant);
  });

  it("is claimed again when it becomes free", async () => {
    const freed = deferred();
    const { context } = openContext();
    const claims = {
      ...context.claims,
      claim: claimsAnswering(null, grant),
      untilFree: () => freed.promise,
    };
    const { grants } = openContext({ claims });
    const sought = grants.seek(ref, new AbortController().signal);
    expect(await stateOf(sought)).toBe("pending");
    freed.resolve();
    expect(await sought).toEqual(grant);
  });

  it("is tried for again after a moment when a claim fails, and a person is told", async () => {
    const { context } = openContext();
    const claims = { ...context.claims, claim: claimsAnswering(new Error("no database"), grant) };
    const { grants, clock, events } = openContext({ claims });
    const sought = grants.seek(ref, new AbortController().signal);
    await settled();
    expect(events).toMatchObject([{ code: "WILL_TRY_AGAIN", message: "no database" }]);
    clock.advance(tidyRetryMs - 1);
    expect(await stateOf(sought)).toBe("pending");
    clock.advance(1);
    expect(await sought).toEqual(grant);
  });

  it("is given up as soon as the state is left, also between two tries", async () => {
    const { context } = openContext();
    const claims = { ...context.claims, claim: claimsAnswering(new Error("no database")) };
    const { grants } = openContext({ claims });
    const visit = new AbortController();
    const sought = grants.seek(ref, visit.signal);
    await settled();
    visit.abort();
    expect(await sought).toBeNull();
  });

  it("is SLOT_BUSY for one who does not wait, when another holds it", async () => {
    const { context } = openContext();
    const { grants } = openContext({ claims: { ...context.claims, claim: async () => null } });
    await expect(grants.claim(ref)).rejects.toMatchObject({ code: "SLOT_BUSY" });
  });
});

describe("a token that is given back", () => {
  it("is cut with proof first, then free, and the fleet is told as it is being freed and once it is", async () => {
    const { grants, done } = openContext();
    await grants.free(grant);
    await grants.free({ ...grant, epoch: 8 }, { idle: true });
    const freed = (epoch: number) => [`released ${epoch}`, `tell ${epoch}`, `tell ${epoch}`];
    expect(done).toEqual(["cut 7", ...freed(7), "cut 8 idle", ...freed(8)]);
  });

  it("is cut while the last writes under it end, and stays held until they have", async () => {
    const { grants, done } = openContext();
    const written = deferred();
    const freed = grants.free(grant, { idle: true, after: written.promise });
    await settled();
    expect(done).toEqual(["cut 7 idle"]);
    written.resolve();
    await freed;
    expect(done).toEqual(["cut 7 idle", "released 7", "tell 7", "tell 7"]);
  });

  it("is told of again only when Postgres has it", async () => {
    const { context } = openContext();
    const written = deferred<{ readonly applied: false; readonly token: null }>();
    const tokens = { ...context.tokens, released: () => written.promise };
    const { grants, done } = openContext({ tokens });
    const freed = grants.free(grant);
    await settled();
    expect(done).toEqual(["cut 7", "tell 7"]);
    written.resolve({ applied: false, token: null });
    await freed;
    expect(done).toEqual(["cut 7", "tell 7", "tell 7"]);
  });

  it("stays held while its sockets are not cut", async () => {
    const { context } = openContext();
    const gate = { ...context.gate, cut: () => Promise.reject(new Error("the gate is away")) };
    const { grants, done } = openContext({ gate });
    await expect(grants.free(grant)).rejects.toThrow("the gate is away");
    expect(done).toEqual([]);
  });

  it("is one of all that this incarnation holds for the account, when all are", async () => {
    const asked: unknown[] = [];
    const held = [1, 2].map((slot) => ({
      account: ref.account,
      slot,
      epoch: slot * 10,
      connectedEpoch: slot * 10,
      state: "connected" as const,
      heldAs: "connected" as const,
      incarnation: "this",
    }));
    const { grants, done } = openContext({
      tokens: {
        released: async () => ({ applied: false, token: null }),
        async heldBy(...of) {
          asked.push(of);
          return held;
        },
      },
    });
    await grants.freeAll();
    expect(asked).toEqual([["this", ref.account]]);
    expect(done).toEqual(["cut 10", "tell 10", "tell 10", "cut 20", "tell 20", "tell 20"]);
  });
});

describe("safety work that is tried until it is done", () => {
  it("leaves no listener on the visit's signal, however often it fails", async () => {
    const { context, clock } = openContext();
    const { signal } = new AbortController();
    let tries = 0;
    const done = untilDone(context, signal, async () => {
      tries += 1;
      if (tries <= 50) throw new Error("no database");
    });
    for (let n = 0; n < 50; n += 1) {
      await settled();
      expect(getEventListeners(signal, "abort").length).toBeLessThanOrEqual(1);
      // The longest rest.
      clock.advance(8 * tidyRetryMs);
    }
    await done;
    expect(tries).toBe(51);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("rests longer after each failure, up to eightfold", async () => {
    const { context, clock } = openContext();
    const atMs: number[] = [];
    const done = untilDone(context, new AbortController().signal, async () => {
      atMs.push(clock.monotonicMs() / tidyRetryMs);
      if (atMs.length < 7) throw new Error("no database");
    });
    for (let seconds = 0; seconds < 31; seconds += 1) {
      await settled();
      clock.advance(tidyRetryMs);
    }
    await done;
    expect(atMs).toEqual([0, 1, 3, 7, 15, 23, 31]);
  });

  it("ends at once where the state was left while it failed", async () => {
    const { context } = openContext();
    const visit = new AbortController();
    const done = untilDone(context, visit.signal, async () => {
      visit.abort();
      throw new Error("no database");
    });
    expect(await stateOf(done)).toBe("resolved");
  });
});
