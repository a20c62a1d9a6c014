import { randomUUID } from "node:crypto";
import { Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { openSharedRegister } from "../../src/adapters/nats/shared-register.ts";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import { createFleetStore } from "../../src/adapters/postgres/fleet-store.ts";
import { type Config, readConfig } from "../../src/config/config.ts";
import { recogniseFleet } from "../../src/custody/fleet-identity.ts";
import { keepFleetKnown } from "../../src/custody/known-fleet.ts";
import { type FleetIdValue, fleetIdKey, type LeaseValue } from "../../src/custody/registers.ts";
import type { FleetStore } from "../../src/ports/custody/fleet-store.ts";
import type { SharedRegister } from "../../src/ports/custody/shared-register.ts";
import { createTestDatabase } from "../fixtures/database.ts";
import { testNats } from "../fixtures/nats.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

/** Buckets of one fleet's NATS. */
interface Server {
  readonly bucket: string;
  readonly fleet: SharedRegister<FleetIdValue>;
  readonly hosts: SharedRegister<LeaseValue>;
}

const bounds = { timeoutMs: 2000 };
const { timings } = readConfig({});
let nats: NatsConnection;
let undo: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  nats = await connectNats(testNats(), "fleet identity");
});
afterEach(async () => {
  for (const step of undo.toReversed()) await step();
  undo = [];
});
afterAll(() => nats.close());

const openFleet = (bucket: string) => openSharedRegister<FleetIdValue>(nats, bucket, bounds);
const removeBucket = async (bucket: string): Promise<unknown> =>
  (await new Kvm(nats).open(bucket)).destroy();

async function server(): Promise<Server> {
  const bucket = `FLEET_${randomUUID().slice(0, 8)}`;
  const hosts = await openSharedRegister<LeaseValue>(nats, `${bucket}_HOSTS`, bounds);
  const fleet = await openFleet(bucket);
  undo.push(
    () => removeBucket(`${bucket}_HOSTS`),
    () => removeBucket(bucket),
  );
  return { bucket, hosts, fleet };
}

async function emptyDatabase(): Promise<{
  readonly database: Database;
  readonly store: FleetStore;
}> {
  const test = await createTestDatabase();
  const database = openDatabase(test.url, { poolMax: 2 });
  undo.push(test.drop, database.close);
  return { database, store: createFleetStore(database) };
}

const giveKeys = async (database: Database): Promise<void> => {
  await database.query("insert into accounts (name, kind, credentials) values ('a', 'bot', '')");
  await database.query(
    "insert into authorisations (account, slot, state, session) values ('a', 1, 'SERVING', 'x')",
  );
};

const lease = (incarnation: string, n: number): LeaseValue => ({
  generation: 1,
  incarnation,
  n,
  nonce: randomUUID(),
  status: "live",
  serving: true,
});

const start = (
  store: FleetStore,
  { fleet, hosts }: Server,
  times: Config["timings"] = timings,
  clock = createTestClock(),
) => recogniseFleet({ store, fleet, hosts, times, clock, newId: randomUUID });

describe("a start of a host", () => {
  it("gives a new fleet one id, whichever of its hosts come first", async () => {
    const [{ store }, one] = [await emptyDatabase(), await server()];
    const ids = await Promise.all([1, 2, 3].map(() => start(store, one)));
    expect(new Set(ids).size).toBe(1);
    expect((await store.read())?.id).toBe(ids[0]);
    expect((await one.fleet.read(fleetIdKey))?.value.id).toBe(ids[0]);
  });

  it("lets a host in whose look at NATS comes after another one has written all", async () => {
    const [{ store }, one] = [await emptyDatabase(), await server()];
    const first: { id?: string } = {};
    const late: Server = {
      ...one,
      fleet: {
        ...one.fleet,
        read: async (key) => {
          first.id ??= await start(store, one);
          return one.fleet.read(key);
        },
      },
    };
    expect(await start(store, late)).toBe(first.id);
  });

  it("is refused where two fleets would share one NATS, with nothing written", async () => {
    const [first, second, one] = [await emptyDatabase(), await emptyDatabase(), await server()];
    const id = await start(first.store, one);
    await expect(start(second.store, one)).rejects.toMatchObject({
      code: "FLEET_MISMATCH",
      next: expect.stringContaining("adopt-fleet --the-other-is-stopped"),
    });
    expect(await second.store.read()).toBeNull();
    expect((await one.fleet.read(fleetIdKey))?.value.id).toBe(id);
  });

  it("is refused over a dump in staging, whose NATS does not know the fleet (I1)", async () => {
    const [{ store, database }, home, staging] = [
      await emptyDatabase(),
      await server(),
      await server(),
    ];
    await start(store, home);
    await giveKeys(database);
    await expect(start(store, staging)).rejects.toMatchObject({ code: "FLEET_ELSEWHERE" });
    expect(await staging.fleet.read(fleetIdKey)).toBeNull();
  });

  it("goes through there once an operator has adopted the fleet, which is another one then", async () => {
    const [{ store, database }, home, staging] = [
      await emptyDatabase(),
      await server(),
      await server(),
    ];
    await start(store, home);
    await giveKeys(database);
    await store.adopt({ id: "adopted", times: timings });
    expect(await start(store, staging)).toBe("adopted");
    expect((await store.read())?.adopting).toBe(false);
    await expect(start(store, home)).rejects.toMatchObject({ code: "FLEET_MISMATCH" });
  });

  it("is refused over another fleet's NATS whose hosts still renew, adopted or not", async () => {
    const [first, second, one] = [await emptyDatabase(), await emptyDatabase(), await server()];
    const id = await start(first.store, one);
    const revision = await one.hosts.write("h1", lease("i1", 1), 0);
    await second.store.adopt({ id: "adopted", times: timings });
    // The host renews while its silence is waited for.
    const clock = createTestClock();
    const renewing = {
      ...clock,
      schedule: (_ms: number, task: () => void) => {
        one.hosts.write("h1", lease("i1", 2), revision).then(task, task);
        return () => {};
      },
    };
    await expect(start(second.store, one, timings, renewing)).rejects.toMatchObject({
      code: "FLEET_RUNS",
      message: expect.stringContaining("h1"),
    });
    expect((await one.fleet.read(fleetIdKey))?.value.id).toBe(id);
  });

  it("gives a fleet of an older version its id, for its NATS holds a lease that the database knows", async () => {
    const [{ store, database }, one] = [await emptyDatabase(), await server()];
    await giveKeys(database);
    await expect(start(store, one)).rejects.toMatchObject({ code: "FLEET_ELSEWHERE" });
    await database.query("insert into incarnations (id, host, proof) values ('i1', 'h1', '{}')");
    await one.hosts.write("h1", lease("i1", 1), 0);
    expect(await start(store, one)).toBe((await store.read())?.id);
  });

  it("is refused with other times than the fleet's, until these change (I1)", async () => {
    const [{ store }, one] = [await emptyDatabase(), await server()];
    await start(store, one);
    const production = readConfig({ HOLDFAST_PROFILE: "production" }).timings;
    await expect(start(store, one, production)).rejects.toMatchObject({
      code: "FLEET_TIMES_DIFFER",
      message: expect.stringMatching(/holdMs 5000.*this host's.*holdMs 20000/),
      next: expect.stringContaining("adopt-fleet --times"),
    });
    await store.changeTimes(production);
    expect(await start(store, one, production)).toBe((await store.read())?.id);
  });
});

describe("a running host", () => {
  it("writes the fleet's id into a NATS that came back empty", async () => {
    const [{ store }, { bucket, ...one }] = [await emptyDatabase(), await server()];
    const id = await start(store, { bucket, ...one });
    const clock = createTestClock();
    const stop = keepFleetKnown({
      id,
      openFleet: () => openFleet(bucket),
      clock,
      everyMs: 500,
      newNonce: randomUUID,
      onOther: () => {},
    });
    undo.push(async () => stop());
    await removeBucket(bucket);
    await expect
      .poll(async () => {
        clock.advance(500);
        const fleet = await openFleet(bucket);
        return (await fleet.read(fleetIdKey))?.value.id;
      })
      .toBe(id);
  });

  it("ends where NATS belongs to another fleet now", async () => {
    const { bucket, fleet } = await server();
    await fleet.write(fleetIdKey, { id: "other", nonce: "n" }, 0);
    const clock = createTestClock();
    const other = new Promise<string>((onOther) => {
      const openOwn = () => openFleet(bucket);
      const stop = keepFleetKnown({
        id: "own",
        openFleet: openOwn,
        clock,
        everyMs: 500,
        newNonce: randomUUID,
        onOther,
      });
      undo.push(async () => stop());
    });
    clock.advance(500);
    expect(await other).toBe("other");
  });
});
