import { describe, expect, it } from "vitest";
import { createSeeking } from "../../src/accounts/seeking.ts";
import type { Visit } from "../../src/accounts/runtime.ts";
import type { GrantRef } from "../../src/ports/custody/gate.ts";
import { deferred } from "../fixtures/deferred.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

const account = "desk";

async function settled(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await new Promise((go) => setImmediate(go));
}

/** An account's seeking; the test answers its claims, in order. */
function scene() {
  const done: string[] = [];
  const answers = [deferred<GrantRef | null>(), deferred<GrantRef | null>()] as const;
  let asked = 0;
  const seek = createSeeking({
    world: {
      account,
      events: { report: () => {} },
      clock: createTestClock(),
      timings: { tidyRetryMs: 1000 },
      accounts: {
        loadSession: async () => null,
        find: async () => null,
        needs: async () => ({ record: null, session: null, renewal: null, serverSalt: null }),
        openRenewal: async () => null,
      },
      waits: { restMs: () => 0 },
    },
    grants: {
      async seek() {
        done.push("seeks");
        asked += 1;
        return answers[asked - 1]!.promise;
      },
      free: async ({ epoch }) => void done.push(`frees ${epoch}`),
    },
    serving: {
      prepare: () => {},
      end: async () => void done.push("ends what serves"),
    },
    abort: async () => {},
  });
  function visit() {
    const left = new AbortController();
    const made: Visit = {
      signal: left.signal,
      life: left.signal,
      emit: ({ type }) => void done.push(type),
    };
    return { made, leave: () => left.abort() };
  }
  return { seek, visit, done, answers };
}

describe("the token of an account", () => {
  it("is sought again only when what an earlier visit asked for is given back, as that ends what serves", async () => {
    const { seek, visit, done, answers } = scene();
    const [first, second] = [visit(), visit()];
    void seek(1, first.made, 0);
    await settled();
    first.leave();
    void seek(1, second.made, 0);
    await settled();
    answers[0].resolve({ account, slot: 1, epoch: 3 });
    await settled();
    answers[1].resolve({ account, slot: 1, epoch: 4 });
    await settled();
    expect(done).toEqual([
      "seeks",
      "ends what serves",
      "frees 3",
      "slot.moved",
      "seeks",
      "token.granted",
    ]);
  });

  it("is not sought for a visit that is over by then", async () => {
    const { seek, visit, done, answers } = scene();
    const [first, second] = [visit(), visit()];
    void seek(1, first.made, 0);
    void seek(1, second.made, 0);
    second.leave();
    answers[0].resolve({ account, slot: 1, epoch: 3 });
    await settled();
    expect(done).toEqual(["seeks", "token.granted"]);
  });
});
