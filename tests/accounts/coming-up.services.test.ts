import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Account } from "../../src/accounts/account.ts";
import type { AccountWorld } from "../../src/accounts/context.ts";
import { createCursorStore } from "../../src/adapters/postgres/cursor-store.ts";
import { createLosses } from "../fixtures/cursor-bench.ts";
import { nowhere } from "../../src/ports/conversation/stream-state.ts";
import { createUpdateCursor } from "../../src/channels/telegram/cursor.ts";
import { HoldfastError } from "../../src/errors.ts";
import { type AccountBench, openAccountBench } from "../fixtures/account-bench.ts";
import { createOwner } from "../fixtures/owner.ts";

let bench: AccountBench;
beforeEach(async () => {
  bench = await openAccountBench();
});
afterEach(() => bench.close());

const { nameOf, authorisationsOf, serving } = createOwner(() => bench);

const calls = (method: string): number =>
  Object.values(bench.dc.ledger.rpcCounts()[method] ?? {}).reduce((sum, n) => sum + n, 0);
/** Connections that carried a key: the gate's looks at the data centre carry none. */
const dials = (): number =>
  bench.dc.ledger.connections().filter(({ authKeyId }) => authKeyId !== undefined).length;
/** Longer than anything takes on a busy machine. */
const soon = <Value>(read: () => Value) => expect.poll(read, { interval: 5, timeout: 20_000 });
const noted = (code: string): number =>
  bench.events.filter((event) => event.type === "note" && event.code === code).length;
const states = (): readonly string[] =>
  bench.events.flatMap((event) => (event.type === "transition" ? [event.to] : []));

async function comeUp(account: Account): Promise<void> {
  await account.start();
  await account.runtime.until((state) => state === "active");
}

/** Answered over the connection that serves: what was due before has had its time. */
async function answers(account: Account, times = 1): Promise<void> {
  for (let n = 0; n < times; n += 1) await account.use((client) => client.self());
}

describe("a flood wait for the updates", () => {
  it("is kept by every host: one call in its hour, one connection a start, and the account serves", async () => {
    const account = await serving("user");
    await account.stop();
    const [callsBefore, dialsBefore] = [calls("updates.getDifference"), dials()];
    bench.dc.phone.addFault({ kind: "flood", method: "updates.getDifference", seconds: 3600 });

    const again = await bench.reopen(account.name);
    await comeUp(again);
    await soon(() => noted("UPDATES_DELAYED")).toBe(1);
    await answers(again);
    const untilMs = bench.clock.now() + 3_600_000;
    const method = "updates.getDifference";
    expect(again.waits).toEqual([{ method, chat: null, code: "FLOOD_WAIT", untilMs }]);
    for (let minute = 0; minute < 20; minute += 1) bench.clock.advance(60_000);
    await answers(again, 5);
    await again.stop();

    const elsewhere = await bench.openElsewhere(account.name);
    await comeUp(elsewhere);
    await soon(() => noted("UPDATES_DELAYED")).toBe(2);
    for (let minute = 0; minute < 20; minute += 1) bench.clock.advance(60_000);
    await answers(elsewhere, 5);
    expect(calls("updates.getDifference") - callsBefore).toBe(1);
    expect(dials() - dialsBefore).toBe(2);

    bench.dc.phone.clearFaults();
    bench.clock.advance(untilMs - bench.clock.now());
    await soon(() => calls("updates.getDifference") - callsBefore).toBe(2);
    expect(elsewhere.waits).toEqual([]);
  });

  it("lets the old key stay until the new one has filled its gap (I2)", async () => {
    const account = await serving("bot");
    await soon(() => calls("updates.getDifference")).toBe(1);
    bench.dc.phone.addFault({
      kind: "flood",
      method: "updates.getDifference",
      seconds: 600,
      count: 1,
    });
    await account.renew("r1", "auto");
    await account.runtime.until((state, { context }) => state === "active" && context.slot === 2);
    await soon(() => noted("UPDATES_DELAYED")).toBe(1);
    await answers(account, 30);
    expect(authorisationsOf(account)).toHaveLength(2);
    bench.clock.advance(600_000);
    await soon(() => authorisationsOf(account).length).toBe(1);
    await answers(account);
  });
});

describe("a host that takes an account over", () => {
  it("is answered at once: it brings the server's salt that the one before has left", async () => {
    const account = await serving("user");
    await account.stop();
    const { badServerSalts } = bench.dc.protocolStats;
    await comeUp(await bench.openElsewhere(account.name));
    expect(bench.dc.protocolStats.badServerSalts).toBe(badServerSalts);
  });

  it("has its first call ready while the floor is being raised, and dials nothing before", async () => {
    let raise = (): void => {};
    const mayBeRaised = new Promise<void>((resolve) => (raise = resolve));
    let connecting = 0;
    const account = await bench.makeAccount("bot", (world) => ({
      ...world,
      claims: {
        ...world.claims,
        claim: (ref, onRaising = () => {}) =>
          world.claims.claim(ref, (grant, raised) =>
            onRaising(
              grant,
              mayBeRaised.then(() => raised),
            ),
          ),
      },
      drivers: {
        ...world.drivers,
        async of(name) {
          const driver = await world.drivers.of(name);
          return {
            name: driver.name,
            open(options) {
              const client = driver.open(options);
              const connect = () => ((connecting += 1), client.connect());
              return Object.create(client, { connect: { value: connect } }) as typeof client;
            },
          };
        },
      },
    }));
    await account.start();
    await account.login("login", "bot-token");
    await account.runtime.until((state) => state === "connecting");
    // That of the login, and the one that is to serve.
    await soon(() => connecting).toBe(2);
    // Time enough for a dial that did not wait.
    for (let n = 0; n < 50; n += 1) await bench.accounts.find(account.name);
    expect(dials()).toBe(1);
    raise();
    await account.runtime.until((state) => state === "active");
    expect(dials()).toBe(2);
  });
});

describe("a partition that is full", () => {
  /** An account whose stream takes nothing while `full` says so. */
  async function withFullPartition() {
    const stored: string[] = [];
    const part = { full: false };
    const store = createCursorStore(bench.database);
    const change = (world: AccountWorld): AccountWorld => ({
      ...world,
      makeCursor: (client, grant, { onTokenLost }) =>
        createUpdateCursor({
          client,
          grant,
          store,
          clock: world.clock,
          events: world.events,
          onTokenLost,
          losses: createLosses(),
          isFleets: () => false,
          onUnheard: () => undefined,
          stream: {
            append: async (items) => {
              if (part.full) throw partitionFull();
              stored.push(...items.map(({ text }) => text ?? ""));
              return nowhere;
            },
          },
        }),
    });
    const account = await bench.makeAccount("bot", change);
    await account.start();
    await account.login("login", "bot-token");
    await account.runtime.until((state) => state === "active");
    bench.dc.phone.createUser({ firstName: "U", username: "some_user", phone: "+33188888888" });
    const write = (text: string) =>
      bench.dc.phone.send("some_user", { peer: nameOf(account), text });
    return { account, part, stored, write };
  }

  it("holds up the updates of the account alone: it comes up, serves, and stays connected", async () => {
    const { account, part, stored, write } = await withFullPartition();
    part.full = true;
    write("first");
    await soon(() => noted("UPDATES_DELAYED")).toBe(1);
    const dialsBefore = dials();
    await account.runtime.send({ type: "client.lost", grant: account.grant!, reason });
    await account.runtime.until((state) => state === "active");
    const statesBefore = states().length;
    for (let attempt = 2; attempt < 5; attempt += 1) {
      await soon(() => noted("UPDATES_DELAYED")).toBeGreaterThanOrEqual(attempt);
      bench.clock.advance(30_000);
    }
    await answers(account);
    expect(states().slice(statesBefore)).toEqual([]);
    expect(dials() - dialsBefore).toBe(1);
    expect(stored).toEqual([]);
  });

  it("lets nothing new overtake what it holds up", async () => {
    const { account, part, stored, write } = await withFullPartition();
    part.full = true;
    write("first");
    await soon(() => noted("UPDATES_DELAYED")).toBe(1);
    await account.runtime.send({ type: "client.lost", grant: account.grant!, reason });
    await account.runtime.until((state) => state === "active");
    await soon(() => noted("UPDATES_DELAYED")).toBe(2);
    write("second");
    write("third");
    await answers(account, 3);
    expect(stored).toEqual([]);
    part.full = false;
    bench.clock.advance(30_000);
    await soon(() => stored).toEqual(["first", "second", "third"]);
  });

  it("lets the account stop while it waits", async () => {
    const { account, part, write } = await withFullPartition();
    part.full = true;
    write("first");
    await soon(() => noted("UPDATES_DELAYED")).toBe(1);
    await account.runtime.send({ type: "client.lost", grant: account.grant!, reason });
    await account.runtime.until((state) => state === "active");
    await soon(() => noted("UPDATES_DELAYED")).toBe(2);
    await account.stop();
    bench.clock.advance(60_000);
    expect(bench.dc.ledger.connections({ open: true })).toEqual([]);
    expect(noted("UPDATES_DELAYED")).toBe(2);
  });
});

describe("a flood wait for the question whose key it is", () => {
  const seekOn = async (account: Account, seconds: number) => {
    for (let passed = 0; passed < seconds; passed += 5) {
      await account.runtime.until((state) => state === "seeking" || state === "active");
      bench.clock.advance(5000);
    }
  };

  it("is waited out without a connection, by every host", async () => {
    const account = await serving("bot");
    await account.stop();
    bench.dc.phone.addFault({ kind: "flood", method: "users.getUsers", seconds: 120, count: 1 });
    const again = await bench.reopen(account.name);
    await again.start();
    await again.runtime.until(
      (state, { context }) => state === "seeking" && context.reason !== null,
    );
    const [callsBefore, dialsBefore] = [calls("users.getUsers"), dials()];
    await seekOn(again, 50);
    expect(dials()).toBe(dialsBefore);
    await again.stop();

    const elsewhere = await bench.openElsewhere(account.name);
    await elsewhere.start();
    await elsewhere.runtime.until(
      (state, { context }) => state === "seeking" && context.reason?.code === "FLOOD_WAIT",
    );
    await seekOn(elsewhere, 50);
    expect(dials()).toBe(dialsBefore);
    await seekOn(elsewhere, 60);
    await elsewhere.runtime.until((state) => state === "active");
    expect(calls("users.getUsers") - callsBefore).toBe(1);
  });
});

it("a silence that the database could not take holds for the next connection", async () => {
  let flood: (waitSeconds: number) => void = () => {};
  const account = await bench.makeAccount("bot", (world) => ({
    ...world,
    accounts: { ...world.accounts, cool: () => Promise.reject(new Error("the database is away")) },
    makeOutbox(client, grant, faults) {
      flood = faults.onFlood;
      return world.makeOutbox(client, grant, faults);
    },
  }));
  await account.start();
  await account.login("login", "bot-token");
  await account.runtime.until((state) => state === "active");
  flood(600);
  flood(7);
  await account.runtime.until((state) => state === "cooling");
  await account.runtime.send({ type: "client.lost", grant: account.grant!, reason });
  await account.runtime.until((state) => state === "active");
  await account.runtime.until((state) => state === "cooling");
  bench.clock.advance(599_999);
  await answersWhileSilent(account);
  expect(account.runtime.state).toBe("cooling");
  bench.clock.advance(1);
  await account.runtime.until((state) => state === "active");
});

const answersWhileSilent = (account: Account) =>
  account.use((client) => client.self(), { sends: false });

const reason = { code: "CONNECTION_LOST", message: "the wire broke" };
const partitionFull = () =>
  new HoldfastError({
    code: "INBOUND_FULL",
    message: "the partition is full",
    policy: "retryable",
  });
