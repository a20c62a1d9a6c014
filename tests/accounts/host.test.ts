import { describe, expect, it } from "vitest";
import { createHost, type Keepable } from "../../src/accounts/host.ts";
import type { Gate } from "../../src/ports/custody/gate.ts";
import { simAccounts } from "../../src/proof/simulation/sim-accounts.ts";

const held = { account: "one", slot: 1, epoch: 7 };
const predecessor = { id: "i0", host: "h1", state: "LIVE", endedForMs: null, proof: null } as const;

type Step = "inherit" | "untilServing";

/** A host whose every step is noted; `holds`: the step that does not end. */
function scene(holds: Step | null = null) {
  const done: string[] = [];
  const stopping = new AbortController();
  const note = async (what: string) => void done.push(what);
  const holdOn = (step: Step) => (holds === step ? new Promise<never>(() => {}) : null);
  const host = createHost<Keepable>({
    accounts: simAccounts(["one"]),
    tokens: {
      heldBy: async () => [
        {
          ...held,
          state: "connected",
          incarnation: "i1",
          heldAs: null,
          connectedEpoch: 7,
        },
      ],
      async releaseAll() {
        await note("free own tokens");
        return [];
      },
    },
    incarnations: {
      register: () => note("register"),
      release: () => note("release"),
      predecessors: async () => [predecessor],
    },
    gate: {
      incarnation: "i1",
      host: "h1",
      async cut() {
        await note("cut own sockets");
        return { sockets: 0, tookMs: 0 };
      },
    } as Partial<Gate> as Gate,
    takeover: {
      async take({ incarnation }) {
        await holdOn("inherit");
        await note(`end ${incarnation}`);
        return { ended: true, freed: [], how: "proven" };
      },
      stop: () => {},
    },
    proof: {},
    proveSilence: async () => true,
    onWait: () => {},
    makeAccount: () => ({
      start: () => note("start one"),
      refresh: () => {},
      stop: () => note("stop one"),
      mayMove: true,
    }),
    makeCustodian(of) {
      return {
        running: [],
        start: () => of.begin("one"),
        look: () => note("look"),
        stop: () => of.end("one"),
      };
    },
  });
  const bringUp = () =>
    host.bringUp({
      part: {
        startBeats() {
          done.push("beats");
          return () => void done.push("beats end");
        },
        async untilServing() {
          await holdOn("untilServing");
          done.push("seen to serve");
        },
      },
      tellServing: () => void done.push("tell serving"),
      onBegun() {
        done.push("begun one");
        return () => void done.push("ended one");
      },
      prepare: () => note("prepare"),
      signal: stopping.signal,
    });
  return { host, done, bringUp, stopping };
}

const turns = () => new Promise(setImmediate);

describe("the start of a host", () => {
  it("records it, then beats, frees what predecessors held, says that it serves, and then takes accounts", async () => {
    const { done, bringUp } = scene();
    await bringUp();
    expect(done).toEqual([
      "register",
      "beats",
      "prepare",
      "cut own sockets",
      "free own tokens",
      "end i0",
      "tell serving",
      "seen to serve",
      "begun one",
      "start one",
    ]);
  });

  it("does not say that it serves while a predecessor is waited for", async () => {
    const { done, bringUp } = scene("inherit");
    void bringUp();
    await turns();
    expect(done).toContain("beats");
    expect(done).not.toContain("tell serving");
  });

  it("takes no account before the fleet sees that it serves", async () => {
    const { host, done, bringUp } = scene("untilServing");
    void bringUp();
    await turns();
    await host.adopt();
    expect(done.at(-1)).toBe("tell serving");
  });

  it("is left where it stands when the host is to stop", async () => {
    for (const step of ["inherit", "untilServing"] as const) {
      const { done, bringUp, stopping } = scene(step);
      const start = bringUp();
      await turns();
      const before = [...done];
      stopping.abort();
      await start;
      expect(done, step).toEqual(before);
    }
  });
});

describe("the stop of a host", () => {
  it("hands every account over, ends the beats, and then the incarnation, as a beat would take that for an end by another", async () => {
    const { host, done, bringUp } = scene();
    await bringUp();
    done.length = 0;
    await host.stop();
    expect(done).toEqual(["stop one", "ended one", "beats end", "release"]);
  });

  it("leaves the incarnation to the next node of the same gate when it goes on", async () => {
    const { host, done, bringUp } = scene();
    await bringUp();
    done.length = 0;
    await host.stop({ goesOn: true });
    expect(done).toEqual(["stop one", "ended one"]);
  });
});
