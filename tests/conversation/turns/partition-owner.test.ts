import { beforeEach, describe, expect, it } from "vitest";
import { placeOf } from "../../../src/custody/placement.ts";
import {
  createTurnOwner,
  type TurnOwner,
} from "../../../src/conversation/turns/partition-owner.ts";
import type { SeenLease } from "../../../src/custody/fleet-members.ts";
import type { TurnEngine } from "../../../src/conversation/turns/engine.ts";
import { partitions } from "../../../src/ports/conversation/partitions.ts";
import { createTestClock, type TestClock } from "../../fixtures/test-clock.ts";
import { deferred } from "../../fixtures/deferred.ts";

/** Hosts of a fleet over one table of owners. */
const drainMsMax = 10_000;
let clock: TestClock;
let serving: string[];
let live: Set<string>;
/** What each host has settings for; undefined: of a version that does not say it. */
let channels: Map<string, readonly string[]>;
let owners: Map<number, { owner: string | null; epoch: number }>;
let changed: Set<() => void>;
let released: Set<(partition: number) => void>;
/** The partitions whose turns each host takes. */
let running: Map<string, Set<number>>;
/** Resolves before an engine of that host stops. */
let stopsAfter: Map<string, Promise<void>>;
let engines: Map<string, { onStale(): void }>;
/** The age of the turn that is at work for longest, on that host. */
let longestMs: Map<string, number>;
/** By host and partition: no turn begins. */
let paused: Set<string>;
/** Hosts whose engines begin turns, and then cannot consume the stream. */
let streamless: Set<string>;
/** Hosts whose claims take effect, and get no answer. */
let answerless: Set<string>;
/** Hosts whose releases the store refuses. */
let storeless: Set<string>;
beforeEach(() => {
  clock = createTestClock(0);
  serving = [];
  live = new Set();
  channels = new Map();
  owners = new Map();
  changed = new Set();
  released = new Set();
  running = new Map();
  stopsAfter = new Map();
  engines = new Map();
  longestMs = new Map();
  paused = new Set();
  streamless = new Set();
  storeless = new Set();
  answerless = new Set();
});

const leaseOf = (key: string, has: readonly string[] | undefined): SeenLease => ({
  key,
  revision: 1,
  generation: 1,
  incarnation: `${key}-1`,
  n: 1,
  nonce: key,
  status: "live",
  serving: true,
  ...(has !== undefined && { channels: has }),
});
const placesOf = (host: string) =>
  partitions.filter((partition) => placeOf(`turns ${partition}`, serving) === host);
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

function join(...hosts: string[]): void {
  serving = [...serving, ...hosts].toSorted();
  for (const host of hosts) live.add(`${host}-1`);
  for (const tell of changed) tell();
}

function leave(host: string): void {
  serving = serving.filter((other) => other !== host);
  for (const tell of changed) tell();
}

function ownerOn(host: string): TurnOwner {
  const mine = new Set<number>();
  running.set(host, mine);
  return createTurnOwner({
    ownKey: host,
    incarnation: `${host}-1`,
    clock,
    drainMsMax,
    retryMs: 1000,
    members: {
      serving: () => serving,
      leases: () => serving.map((key) => leaseOf(key, channels.get(key))),
      isLive: (incarnation) => live.has(incarnation),
      onChange(listener) {
        changed.add(listener);
        return () => changed.delete(listener);
      },
    },
    store: {
      async claimPartition(partition, owner) {
        const epoch = (owners.get(partition)?.epoch ?? 0) + 1;
        owners.set(partition, { owner, epoch });
        if (answerless.has(host)) throw new Error("no answer");
        return { partition, epoch };
      },
      async releasePartition({ partition, epoch }) {
        if (storeless.has(host)) throw new Error("no store");
        if (owners.get(partition)?.epoch === epoch) owners.set(partition, { owner: null, epoch });
      },
      async releaseUnanswered(partition, owner) {
        const { epoch, owner: now } = owners.get(partition) ?? { epoch: 0, owner: null };
        if (now === owner) owners.set(partition, { owner: null, epoch });
      },
      partitionOwner: async (partition) => owners.get(partition)?.owner ?? null,
    },
    tellReleased(partition) {
      for (const hear of released) hear(partition);
    },
    onReleased(listener) {
      released.add(listener);
      return () => released.delete(listener);
    },
    onFault(error) {
      const isMeant = [streamless, storeless, answerless].some((hosts) => hosts.has(host));
      expect(isMeant, String(error)).toBe(true);
    },
    makeEngine({ partition }, onStale) {
      engines.set(`${host} ${partition}`, { onStale });
      const engine: TurnEngine = {
        async start() {
          mine.add(partition);
          if (streamless.has(host)) throw new Error("no stream");
        },
        async stop() {
          await stopsAfter.get(host);
          mine.delete(partition);
        },
        running: 0,
        waiting: 0,
        mayBegin: true,
        get longestMs() {
          return longestMs.get(host) ?? null;
        },
        pause(isPaused) {
          if (isPaused) paused.add(`${host} ${partition}`);
          else paused.delete(`${host} ${partition}`);
        },
      };
      return engine;
    },
  });
}

const all = (host: string) => [...running.get(host)!].toSorted((a, b) => a - b);

describe("the owner of the turns of some chat users", () => {
  it("is each host for its share, and a host that joins takes over what was given back", async () => {
    join("a");
    const a = ownerOn("a");
    await a.start();
    expect(all("a")).toEqual(partitions);
    const drained = deferred();
    stopsAfter.set("a", drained.promise);
    join("b");
    const b = ownerOn("b");
    await b.start();
    expect(all("b")).toEqual([]);
    drained.resolve();
    await expect.poll(() => all("b")).toEqual(placesOf("b"));
    expect(all("a")).toEqual(placesOf("a"));
    expect(all("b").length).toBeGreaterThan(0);
  });

  it("waits for a living owner for so long and no longer", async () => {
    join("a");
    await ownerOn("a").start();
    stopsAfter.set("a", new Promise(() => {}));
    join("b");
    await ownerOn("b").start();
    clock.advance(drainMsMax - 1);
    await settled();
    expect(all("b")).toEqual([]);
    clock.advance(1);
    await expect.poll(() => all("b")).toEqual(placesOf("b"));
  });

  it("takes the turns of the others while one takes long, and gives all back before the next owner takes it", async () => {
    join("a");
    await ownerOn("a").start();
    longestMs.set("a", 500);
    join("b");
    await ownerOn("b").start();
    const goOn = async (ms: number) => {
      for (let n = 0; n < ms; n += 50) {
        clock.advance(50);
        longestMs.set("a", longestMs.get("a")! + 50);
        await settled();
      }
    };
    await goOn(1_000);
    expect(paused.size).toBe(placesOf("b").length);
    await goOn(1_500);
    expect(paused.size).toBe(0);
    await goOn(drainMsMax - 5_000 - 2_500 - 50);
    expect(all("a")).toEqual(partitions);
    await goOn(100);
    await expect.poll(() => all("a")).toEqual(placesOf("a"));
    expect(all("b")).toEqual(placesOf("b"));
  });

  it("goes on where the partition is its own again before what took long has ended", async () => {
    join("a");
    await ownerOn("a").start();
    longestMs.set("a", 500);
    join("b");
    await ownerOn("b").start();
    clock.advance(50);
    await settled();
    expect(paused.size).toBe(placesOf("b").length);
    leave("b");
    clock.advance(50);
    await settled();
    expect(paused.size).toBe(0);
    longestMs.delete("a");
    clock.advance(50);
    await settled();
    expect(all("a")).toEqual(partitions);
  });

  it("gives all back as soon as what took long has ended, and at once when its host stops", async () => {
    join("a", "b");
    const [a, b] = [ownerOn("a"), ownerOn("b")];
    await Promise.all([a.start(), b.start()]);
    for (const host of ["a", "b"]) longestMs.set(host, 30_000);
    leave("a");
    clock.advance(1_000);
    await settled();
    expect(all("a").length).toBeGreaterThan(0);
    longestMs.delete("a");
    clock.advance(50);
    await expect.poll(() => all("b")).toEqual(partitions);
    await b.stop();
    expect(all("b")).toEqual([]);
  });

  it("does not wait for one that is gone", async () => {
    join("a");
    await ownerOn("a").start();
    live.delete("a-1");
    leave("a");
    join("b");
    await ownerOn("b").start();
    expect(all("b")).toEqual(partitions);
  });

  it("gives everything back when it stops", async () => {
    join("a");
    const a = ownerOn("a");
    await a.start();
    await a.stop();
    expect(all("a")).toEqual([]);
    expect([...owners.values()].map(({ owner }) => owner)).toEqual(partitions.map(() => null));
  });

  it("is only a host that has every channel, as long as there is one", async () => {
    channels.set("a", ["telegram"]).set("b", ["telegram", "webhook"]);
    join("a");
    await ownerOn("a").start();
    expect(all("a")).toEqual(partitions);
    join("b");
    await ownerOn("b").start();
    await expect.poll(() => all("b")).toEqual(partitions);
    expect(all("a")).toEqual([]);
    leave("b");
    await expect.poll(() => all("a")).toEqual(partitions);
  });

  it("is also a host of a version that does not say its channels, as that one thinks", async () => {
    channels.set("b", ["telegram", "webhook"]);
    join("a", "b");
    await ownerOn("a").start();
    await ownerOn("b").start();
    await expect.poll(() => all("b")).toEqual(placesOf("b"));
    expect(all("a")).toEqual(placesOf("a"));
  });

  it("ends an engine that could not start before it makes another", async () => {
    join("a");
    streamless.add("a");
    await ownerOn("a").start();
    expect(all("a")).toEqual([]);
    streamless.clear();
    clock.advance(1000);
    await expect.poll(() => all("a")).toEqual(partitions);
  });

  it("gives back a claim whose engine could not start, so that the next host need not wait", async () => {
    join("a");
    streamless.add("a");
    await ownerOn("a").start();
    join("b");
    await ownerOn("b").start();
    await expect.poll(() => all("b")).toEqual(placesOf("b"));
  });

  it("gives back what it may have claimed without an answer, so that the next host need not wait", async () => {
    join("a");
    answerless.add("a");
    await ownerOn("a").start();
    expect([...owners.values()].map(({ owner }) => owner)).toEqual(partitions.map(() => "a-1"));
    join("b");
    await ownerOn("b").start();
    await expect.poll(() => all("b")).toEqual(placesOf("b"));
  });

  it("gives back later what the store does not take back now", async () => {
    join("a");
    await ownerOn("a").start();
    storeless.add("a");
    join("b");
    await ownerOn("b").start();
    expect(all("b")).toEqual([]);
    storeless.clear();
    clock.advance(1000);
    await expect.poll(() => all("b")).toEqual(placesOf("b"));
  });

  it("claims again what another took by mistake", async () => {
    join("a");
    await ownerOn("a").start();
    owners.set(3, { owner: "b-1", epoch: 7 });
    running.get("a")!.delete(3);
    engines.get("a 3")!.onStale();
    clock.advance(1000);
    await expect.poll(() => owners.get(3)).toEqual({ owner: "a-1", epoch: 8 });
    expect(all("a")).toEqual(partitions);
  });
});
