import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AccountKind, Bound } from "../../machines/lifecycle.ts";
import { Kvm } from "@nats-io/kv";
import { inject } from "vitest";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { createFleetBus } from "../../src/adapters/nats/fleet-bus.ts";
import { openSharedRegister } from "../../src/adapters/nats/shared-register.ts";
import { createCustodyStore } from "../../src/adapters/postgres/custody-store.ts";
import { createClaims } from "../../src/custody/claims.ts";
import type { FloorValue, LeaseValue } from "../../src/custody/lease-value.ts";
import { createTakeover } from "../../src/custody/takeover.ts";
import { createKeyRing } from "../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../src/adapters/postgres/account-store.ts";
import { createCursorStore } from "../../src/adapters/postgres/cursor-store.ts";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import { createTokenStore } from "../../src/adapters/postgres/token-store.ts";
import { createMtcuteDriver } from "../../src/adapters/telegram/mtcute-driver.ts";
import { type Account, createAccount } from "../../src/engine/account.ts";
import type { AccountWorld, OutboxWork } from "../../src/engine/account-world.ts";
import { createUpdateCursor } from "../../src/engine/update-cursor.ts";
import { connectGate } from "../../src/gate/gate-client.ts";
import { serveGate } from "../../src/gate/gate-server.ts";
import { createSocketTable } from "../../src/gate/socket-table.ts";
import type { AccountStore, Credentials } from "../../src/ports/account-store.ts";
import type { NoteEvent, TransitionEvent } from "../../src/ports/event-sink.ts";
import type { InboundItem, InboundStream } from "../../src/ports/inbound-stream.ts";
import type { TokenStore } from "../../src/ports/token-store.ts";
import { startTelegramDc, type TelegramDc } from "../../src/telegram-dc/telegram-dc.ts";
import { createTestDatabase } from "./database.ts";
import { createTestClock, type TestClock } from "./test-clock.ts";

/**
 * Hosts without their nodes: real Postgres, real gate sockets, telegram-dc, and time in the test's
 * hand.
 */
export interface AccountBench {
  readonly dc: TelegramDc;
  readonly database: Database;
  readonly accounts: AccountStore;
  readonly tokens: TokenStore;
  readonly clock: TestClock;
  readonly events: readonly (TransitionEvent | NoteEvent)[];
  readonly appended: readonly InboundItem[];
  readonly incarnation: string;
  /** Adds the account to the database and to the data centre, and makes its runtime. */
  makeAccount(
    kind: AccountKind,
    change?: (world: AccountWorld) => AccountWorld,
    /** The 2FA password of a user. */
    password?: string,
  ): Promise<Account>;
  /** A new runtime for an account that the database knows, as after a restart. */
  reopen(name: string): Promise<Account>;
  /** The same, on another host: its gate and its incarnation are its own. */
  openElsewhere(name: string): Promise<Account>;
  close(): Promise<void>;
}

const boundsMs: Readonly<Record<Bound, number>> = {
  authorising: 600_000,
  seeking: 5000,
  connecting: 5000,
  preparing: 600_000,
  draining: 25_000,
  verifying: 30_000,
  renewing: 30_000,
  restarting: 20_000,
  aborting: 10_000,
  leaving: 10_000,
  releasing: 10_000,
};

/** An outbox with nothing to send. */
const emptyOutbox: OutboxWork = {
  start: async () => {},
  pause: () => {},
  resume: () => {},
  notify: () => {},
  offer: () => null,
  recover: async () => {},
  stop: async () => {},
};

export async function openAccountBench(): Promise<AccountBench> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
  const [testDatabase, dc] = await Promise.all([createTestDatabase(), startTelegramDc()]);
  const database = openDatabase(testDatabase.url);
  const accounts = createAccountStore(database, createSealer(createKeyRing([randomBytes(32)])));
  const tokens = createTokenStore(database);
  const cursors = createCursorStore(database);
  const clock = createTestClock(Date.now());
  const events: (TransitionEvent | NoteEvent)[] = [];
  const appended: InboundItem[] = [];
  const nats = await connectNats(inject("natsUrl"), "bench");
  const registers = randomUUID().slice(0, 8);
  const bounds = { timeoutMs: 2000 };
  const hosts = await openSharedRegister<LeaseValue>(nats, `HOSTS_${registers}`, bounds);
  const floors = await openSharedRegister<FloorValue>(nats, `FLOORS_${registers}`, bounds);
  const store = createCustodyStore(database);
  const bus = createFleetBus(nats, { fenceTimeoutMs: 500 });
  const newNonce = randomUUID;
  const closings: (() => Promise<void>)[] = [];

  /** A gate with its incarnation, and the claims made for it. */
  async function openHost(host: string): Promise<Pick<AccountWorld, "gate" | "claims">> {
    const incarnation = randomUUID();
    await tokens.registerIncarnation({ id: incarnation, host, proof: {} });
    const table = createSocketTable({
      mayAct: () => true,
      journal: () => {},
      now: () => 0,
      asleepSinceMs: () => null,
      clock,
      restMs: 0,
      answerMs: 0,
    });
    const path = join(folder, `${host}.sock`);
    const secret = "bench";
    const server = await serveGate(
      path,
      () => secret,
      table,
      () => table.figures,
    );
    const gate = await connectGate({ path, secret, incarnation, host, onLost: () => {} });
    const claims = createClaims({
      floors,
      store,
      tokens,
      bus,
      gate,
      takeover: createTakeover({ hosts, store, bus, clock, takeMs: 7500, newNonce }),
      clock,
      sweepMs: 2500,
      newNonce,
      onRestored: () => {},
    });
    const stopFences = bus.onFence(incarnation, async (request) => {
      if (request.type === "token") await gate.cut(request.grant);
    });
    closings.push(async () => {
      stopFences();
      await table.cutAll();
      claims.stop();
      gate.close();
      await server.close();
    });
    return { gate, claims };
  }

  const home = await openHost("bench");
  let elsewhere: ReturnType<typeof openHost> | null = null;
  const driver = createMtcuteDriver({
    apiId: 1,
    apiHash: "0".repeat(32),
    dataCentre: { id: dc.dcId, host: dc.host, port: dc.port, publicKeyPem: dc.rsaPublicKeyPem },
  });
  const stream: InboundStream = {
    append: async (items) => void appended.push(...items),
    consume: async () => async () => {},
    listParked: async () => [],
    unpark: async () => false,
  };
  const sink = { report: (event: TransitionEvent | NoteEvent) => void events.push(event) };
  const made: Account[] = [];

  async function credentialsOf(
    name: string,
    kind: AccountKind,
    password?: string,
  ): Promise<Credentials> {
    const spec = { firstName: name, username: name.replaceAll("-", "_") };
    if (kind === "bot") {
      return { kind, token: dc.phone.createUser({ ...spec, bot: true }).botToken! };
    }
    const phone = `+3310000${String(made.length).padStart(4, "0")}`;
    dc.phone.createUser({ ...spec, phone, password });
    return { kind, phone };
  }

  async function open(
    name: string,
    kind: AccountKind,
    change: (world: AccountWorld) => AccountWorld,
    host = home,
  ): Promise<Account> {
    const world = change({
      account: name,
      kind,
      accounts,
      tokens,
      ...host,
      mayCall: () => true,
      drivers: { of: async () => driver },
      clock,
      events: sink,
      timings: { drainMs: 15_000, disconnectMs: 10_000, codeLookMs: 3000, tidyRetryMs: 1000 },
      makeCursor: (client, grant, { onTokenLost }) =>
        createUpdateCursor({
          client,
          grant,
          store: cursors,
          stream,
          clock,
          events: sink,
          onTokenLost,
        }),
      makeOutbox: () => emptyOutbox,
    });
    const account = createAccount(world, (await accounts.find(name))!, boundsMs);
    made.push(account);
    return account;
  }

  return {
    dc,
    database,
    accounts,
    tokens,
    clock,
    events,
    appended,
    incarnation: home.gate.incarnation,
    async makeAccount(kind, change = (world) => world, password) {
      const name = `${kind}-account${made.length}`;
      await accounts.add({ name, kind, credentials: await credentialsOf(name, kind, password) });
      return open(name, kind, change);
    },
    reopen: async (name) => open(name, (await accounts.find(name))!.kind, (world) => world),
    async openElsewhere(name) {
      elsewhere ??= openHost("elsewhere");
      return open(name, (await accounts.find(name))!.kind, (world) => world, await elsewhere);
    },
    async close() {
      for (const account of made) account.runtime.abandon();
      for (const end of closings) await end();
      const kv = new Kvm(nats);
      for (const name of [`HOSTS_${registers}`, `FLOORS_${registers}`]) {
        await (await kv.open(name)).destroy();
      }
      await nats.close();
      await dc.close();
      await database.close();
      await testDatabase.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
