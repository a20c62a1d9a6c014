import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager, StorageType } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createKeyRing } from "../../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../../src/adapters/crypto/sealing.ts";
import { openSharedRegister } from "../../../src/adapters/nats/shared-register.ts";
import { createAccountStore } from "../../../src/adapters/postgres/account-store.ts";
import type { Database } from "../../../src/adapters/postgres/database.ts";
import { noteBackup } from "../../../src/cli/backup/last-backup.ts";
import { type DoctorBench, openDoctorBench } from "../../fixtures/doctor-bench.ts";
import { temporaryHome } from "../../fixtures/embedded/temporary-home.ts";
import { type OwnRegisters, startOwnRegisters } from "../../fixtures/own-registers.ts";

let registers: OwnRegisters;
let bench: DoctorBench;
let database: Database;

beforeAll(async () => {
  registers = await startOwnRegisters();
  // As a host leaves it: a server with no stream at all tells no time.
  await bucket("HOLDFAST_FLEET");
});
afterAll(() => registers.stop());
beforeEach(async () => {
  bench = await openDoctorBench(registers);
  database = bench.database;
});
afterEach(async () => {
  await bench.close();
  const kvm = new Kvm(registers.nats);
  for (const one of ["HOLDFAST_HOSTS", "HOLDFAST_FLOORS"]) await (await kvm.create(one)).destroy();
  const manager = await jetstreamManager(registers.nats);
  await manager.streams.delete("HOLDFAST_INBOUND_3").catch(() => undefined);
});

const secrets = () => createAccountStore(database, createSealer(createKeyRing([bench.masterKey])));

/** An account that serves, with its key and a free token. */
async function addAccount(): Promise<void> {
  await secrets().add({
    name: "desk",
    kind: "user",
    credentials: { kind: "user", phone: "+33100000001" },
  });
  await database.query(
    "insert into authorisations (account, slot, state, key_id) values ('desk', 1, 'SERVING', 'aa')",
  );
  await database.query("update accounts set serving_slot = 1, state = 'active'");
  await database.query("insert into tokens (account, slot, epoch) values ('desk', 1, 7)");
}

const databaseName = () => new URL(bench.databaseUrl).pathname.slice(1);
const bucket = <Value>(name: string) =>
  openSharedRegister<Value>(registers.nats, name, { timeoutMs: 5000 });

describe("a doctor over servers that are well", () => {
  it("finds what the servers of this run lack on purpose, and nothing else", async () => {
    const found = await bench.look();
    const wrong = found.filter(({ verdict }) => verdict !== "ok").map(({ name }) => name);
    // The servers of tests do not sync, and no node answers.
    expect(wrong).toEqual(["hosts", "durability"]);
    expect(found.length).toBeGreaterThan(25);
  }, 60_000);
});

interface Planted {
  readonly fault: string;
  readonly check: string;
  readonly next: RegExp;
  plant(): Promise<unknown>;
}

const planted: readonly Planted[] = [
  {
    fault: "a database that does not answer",
    check: "database",
    next: /HOLDFAST_DATABASE_URL/,
    plant: async () => {
      bench.env["HOLDFAST_DATABASE_URL"] = "postgres://127.0.0.1:1/none";
    },
  },
  {
    fault: "a database that can only be read",
    check: "database",
    next: /alter system reset default_transaction_read_only/,
    plant: () =>
      database.query(`alter database ${databaseName()} set default_transaction_read_only = on`),
  },
  {
    fault: "a schema that is behind",
    check: "schema",
    next: /npx holdfast migrate up$/,
    plant: () => database.query("delete from schema_migrations where version = 26"),
  },
  {
    fault: "a schema that is ahead",
    check: "schema",
    next: /newer version of Holdfast/,
    plant: () =>
      database.query(
        "insert into schema_migrations (version, name, checksum) values (9999, 'later', 'x')",
      ),
  },
  {
    fault: "a migration that was edited",
    check: "schema",
    next: /npx holdfast migrate verify/,
    plant: () => database.query("update schema_migrations set checksum = 'x' where version = 3"),
  },
  {
    fault: "no schema at all",
    check: "schema",
    next: /npx holdfast migrate up/,
    plant: () => database.query("drop table schema_migrations"),
  },
  {
    fault: "an index whose build was broken off",
    check: "indexes",
    next: /reindex index concurrently lifecycle_events_by_account/,
    plant: () => spoilIndex("lifecycle_events_by_account"),
  },
  {
    fault: "sessions that are open twice, with their index gone",
    check: "sessions",
    next: /npx holdfast migrate repair/,
    plant: async () => {
      await database.query("drop index conversation_sessions_one_open");
      await database.query(
        `insert into conversation_sessions (channel, account, chat_user)
         select 'telegram', 'desk', 'ada' from generate_series(1, 3)`,
      );
    },
  },
  {
    fault: "a token of a host that has ended",
    check: "tokens",
    next: /npx holdfast force desk/,
    plant: async () => {
      await addAccount();
      await database.query(
        "insert into incarnations (id, host, state, proof, ended_at) values ('gone', 'host-b', 'RELEASED', '{}', now() - interval '1 hour')",
      );
      await database.query(
        "update tokens set state = 'connected', held_as = 'connected', incarnation = 'gone'",
      );
    },
  },
  {
    fault: "an account that claims to serve without a key",
    check: "accounts",
    next: /npx holdfast recover desk/,
    plant: async () => {
      await addAccount();
      await database.query("update authorisations set state = 'DEAD'");
    },
  },
  {
    fault: "an authorisation that was left half-made",
    check: "pending",
    next: /npx holdfast renew desk/,
    plant: async () => {
      await addAccount();
      await database.query(
        "insert into authorisations (account, slot, state, changed_at) values ('desk', 2, 'PENDING', now() - interval '2 hours')",
      );
    },
  },
  {
    fault: "commits that do not wait for the disk",
    check: "durability",
    next: /alter system set synchronous_commit = on/,
    plant: () => database.query(`alter database ${databaseName()} set synchronous_commit = off`),
  },
  {
    fault: "more hosts than the database has connections for",
    check: "connections",
    next: /alter system set max_connections = 460/,
    plant: () =>
      database.query(
        "insert into incarnations (id, host, proof) select 'i' || n, 'host-' || n, '{}' from generate_series(1, 20) n",
      ),
  },
  {
    fault: "a host that is taken for running and has no lease",
    check: "leases",
    next: /npx holdfast who/,
    plant: () =>
      database.query("insert into incarnations (id, host, proof) values ('one', 'host-a', '{}')"),
  },
  {
    fault: "a host without a beat",
    check: "leases",
    next: /npx holdfast who/,
    plant: async () => {
      await (await bucket("HOLDFAST_HOSTS")).write("host-a", lease(), 0);
      bench.aheadMs = 60_000;
    },
  },
  {
    fault: "a floor that is none",
    check: "registers",
    next: /nats kv del HOLDFAST_FLOORS desk\.1/,
    plant: async () => (await bucket("HOLDFAST_FLOORS")).write("desk.1", "garbage", 0),
  },
  {
    fault: "a stream in memory alone",
    check: "streams",
    next: /nats stream rm HOLDFAST_INBOUND_3/,
    plant: async () => {
      const manager = await jetstreamManager(registers.nats);
      const name = "HOLDFAST_INBOUND_3";
      await manager.streams.add({ name, subjects: ["in.3"], storage: StorageType.Memory });
    },
  },
  {
    fault: "an embedded nats-server that does not sync",
    check: "streams",
    next: /npx holdfast stop && npx holdfast start/,
    plant: async () => {
      mkdirSync(join(bench.home, "nats"));
      writeFileSync(join(bench.home, "nats", "nats.conf"), "jetstream {}\n");
    },
  },
  {
    fault: "a NATS that does not answer",
    check: "nats",
    next: /HOLDFAST_NATS_URL/,
    plant: async () => {
      bench.env["HOLDFAST_NATS_URL"] = "nats://127.0.0.1:1";
    },
  },
  {
    fault: "a master key that does not fit what is stored",
    check: "master-key",
    next: /HOLDFAST_MASTER_KEY/,
    plant: async () => {
      await addAccount();
      writeFileSync(join(bench.home, "master.key"), `${randomBytes(32).toString("base64")}\n`);
    },
  },
  {
    fault: "no master key where something is stored",
    check: "master-key",
    next: /HOLDFAST_MASTER_KEY_FILE/,
    plant: async () => {
      await addAccount();
      bench.home = temporaryHome();
    },
  },
  {
    fault: "a proxy that does not answer",
    check: "proxies",
    next: /npx holdfast proxy desk/,
    plant: async () => {
      await addAccount();
      await secrets().chooseProxy("desk", "socks5://127.0.0.1:1");
    },
  },
  {
    fault: "no backup of accounts that are there",
    check: "backup",
    next: /npx holdfast backup/,
    plant: addAccount,
  },
  {
    fault: "a backup of last month",
    check: "backup",
    next: /npx holdfast backup/,
    plant: async () => {
      noteBackup(bench.home, { at: new Date().toISOString(), folder: "monday" });
      bench.aheadMs = 30 * 86_400_000;
    },
  },
  {
    fault: "a clock of PostgreSQL that is behind",
    check: "clock-pg",
    next: /timedatectl set-ntp true/,
    plant: async () => {
      bench.aheadMs = 5000;
    },
  },
  {
    fault: "a clock of NATS that is ahead",
    check: "clock-nats",
    next: /timedatectl set-ntp true/,
    plant: async () => {
      bench.aheadMs = -5000;
    },
  },
  {
    fault: "a misspelt variable",
    check: "settings",
    next: /./,
    plant: async () => {
      bench.env["HOLDFAST_PROFIL"] = "production";
    },
  },
];

const lease = () => ({
  generation: 1,
  incarnation: "one",
  n: 1,
  nonce: randomUUID(),
  status: "live",
  serving: true,
});

const spoilIndex = (name: string) =>
  database.query(`update pg_index set indisvalid = false where indexrelid = '${name}'::regclass`);

describe("a doctor", () => {
  it.each(planted)("finds $fault, and says what to type", async ({ check, next, plant }) => {
    await plant();
    const [finding] = await bench.look(check);
    expect(finding).toMatchObject({
      name: check,
      verdict: "fault",
      next: expect.stringMatching(next),
    });
    await (await jetstreamManager(registers.nats)).streams
      .delete("HOLDFAST_INBOUND_3")
      .catch(() => {});
  });

  it("does not take for well what it could not look at", async () => {
    bench.env["HOLDFAST_DATABASE_URL"] = "postgres://127.0.0.1:1/none";
    const found = await bench.look("schema", "tokens", "master-key");
    expect(found.map(({ verdict }) => verdict)).toEqual(["unknown", "unknown", "unknown"]);
  });
});
