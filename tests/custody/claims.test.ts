import { describe, expect, it } from "vitest";
import { createClaims } from "../../src/custody/claims.ts";
import type { FloorValue } from "../../src/custody/registers.ts";
import { createKernel } from "../../src/proof/simulation/kernel.ts";
import { createRandom } from "../../src/proof/simulation/random.ts";

const ref = { account: "site-bot", slot: 1 };

/** Claims over a floor that stands, and a token whose next epoch and last connected one are given. */
function scene(stands: FloorValue | null, minted: { epoch: number; connectedEpoch: number }) {
  const done: string[] = [];
  let floor = stands;
  let granted = 0;
  const { clock } = createKernel(createRandom(1)).spawn("node", 1);
  const token = { ...ref, state: "granted", heldAs: null, incarnation: "mine" } as const;
  const claims = createClaims({
    floors: {
      read: async (key) => (floor === null ? null : { key, value: floor, revision: 1 }),
      async write(_key, value) {
        done.push(`floor ${value.epoch}`);
        floor = value;
        return 2;
      },
      entries: async () => [],
      watch: async () => () => {},
    },
    tokens: {
      async grant() {
        const mine = granted;
        granted += 1;
        if (mine > 0) done.push("granted again");
        return { applied: true, token: { ...token, ...minted } };
      },
      async supersede(grant, _incarnation, above) {
        done.push(`supersede ${grant.epoch}`);
        return { ...grant, epoch: above + 1 };
      },
      freeAmong: async () => [],
      releaseAll: async () => [],
      heldBesides: async () => [],
    },
    bus: {
      tell: () => {},
      onNews: () => () => {},
      stop: () => {},
      async fence(incarnation, request) {
        done.push(`fence ${incarnation} ${"grant" in request ? request.grant.epoch : ""}`);
        return true;
      },
    },
    gate: { incarnation: "mine", host: "h1", cut: async () => ({ sockets: 0, tookMs: 0 }) },
    takeover: { take: () => Promise.reject(new Error("nobody is taken over")), stop: () => {} },
    clock,
    sweepMs: 1000,
    newNonce: () => "n",
    onRestored: () => done.push("restored"),
  });
  return { claims, done };
}

const floorOf = (epoch: number): FloorValue => ({
  epoch,
  incarnation: "theirs",
  host: "h2",
  nonce: "n",
});

describe("a claim", () => {
  it("raises the floor of an epoch that follows the last connected one", async () => {
    const { claims, done } = scene(floorOf(3), { epoch: 4, connectedEpoch: 3 });
    expect(await claims.claim(ref)).toEqual({ ...ref, epoch: 4 });
    expect(done).toEqual(["floor 4"]);
  });

  it("ends whoever raised a floor as high, and goes on above it: Postgres was restored", async () => {
    const { claims, done } = scene(floorOf(5), { epoch: 4, connectedEpoch: 3 });
    expect(await claims.claim(ref)).toEqual({ ...ref, epoch: 6 });
    expect(done).toEqual(["restored", "fence theirs 5", "supersede 4", "floor 6"]);
  });

  it("ends whoever raised a floor that Postgres never saw connected, though epochs were minted past it since", async () => {
    const { claims, done } = scene(floorOf(3), { epoch: 5, connectedEpoch: 2 });
    expect(await claims.claim(ref)).toEqual({ ...ref, epoch: 5 });
    expect(done).toEqual(["fence theirs 3", "floor 5"]);
  });

  it("lets the account be read while its floor is raised, and again once a former holder was ended", async () => {
    const { claims, done } = scene(floorOf(5), { epoch: 4, connectedEpoch: 3 });
    const tries: string[] = [];
    await claims.claim(ref, ({ epoch }, raised) => {
      done.push(`read under ${epoch}`);
      raised.then(
        () => tries.push(`${epoch} holds`),
        () => tries.push(`${epoch} was not raised`),
      );
    });
    expect(done).toEqual([
      "read under 4",
      "restored",
      "fence theirs 5",
      "supersede 4",
      "read under 6",
      "floor 6",
    ]);
    expect(tries).toEqual(["4 was not raised", "6 holds"]);
  });

  it("waits for another one of the same token, whose grant it would take for a lost answer's", async () => {
    const { claims, done } = scene(null, { epoch: 1, connectedEpoch: 0 });
    await Promise.all([claims.claim(ref), claims.claim(ref)]);
    expect(done).toEqual(["floor 1", "granted again", "floor 1"]);
  });
});
