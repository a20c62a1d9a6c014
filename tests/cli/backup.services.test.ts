import { randomBytes, randomUUID } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { createKeyRing, fingerprintOf } from "../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../src/adapters/crypto/sealing.ts";
import { openSharedRegister } from "../../src/adapters/nats/shared-register.ts";
import { createAccountStore } from "../../src/adapters/postgres/account-store.ts";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import { createFleetStore } from "../../src/adapters/postgres/fleet-store.ts";
import { makeBackup } from "../../src/cli/backup/make-backup.ts";
import { describeFile, type Manifest, readBackup } from "../../src/cli/backup/manifest.ts";
import { restoreBackup } from "../../src/cli/backup/restore-backup.ts";
import type { EraValue, FloorValue, LeaseValue } from "../../src/custody/registers.ts";
import { createTestDatabase, type TestDatabase } from "../fixtures/database.ts";
import { temporaryHome } from "../fixtures/embedded/temporary-home.ts";
import { type OwnRegisters, startOwnRegisters } from "../fixtures/own-registers.ts";

const schemaMax = 9000;
const times = { suspectMs: 100, holdMs: 5000, takeMs: 7500, answerMs: 2000 };
const tables = ["accounts", "authorisations", "tokens", "incarnations", "fleet", "partitions"];

let test: TestDatabase;
let database: Database;
let undo: (() => Promise<unknown>)[] = [];
let full: OwnRegisters;
let masterKey: Buffer;
let home: string;

beforeAll(async () => {
  full = await startOwnRegisters();
});
afterAll(() => full.stop());

const register = <Value>({ nats }: OwnRegisters, bucket: string) =>
  openSharedRegister<Value>(nats, bucket, { timeoutMs: 5000 });

beforeEach(async () => {
  test = await createTestDatabase();
  database = openDatabase(test.url);
  undo = [() => database.close(), () => test.drop()];
  home = temporaryHome();
  masterKey = randomBytes(32);
  writeFileSync(join(home, "master.key"), `${masterKey.toString("base64")}\n`, { mode: 0o600 });
  const store = createAccountStore(database, createSealer(createKeyRing([masterKey])));
  await store.add({
    name: "desk",
    kind: "user",
    credentials: { kind: "user", phone: "+33100000001" },
  });
  await database.query(
    "insert into authorisations (account, slot, state, key_id) values ('desk', 1, 'SERVING', 'aa')",
  );
  await database.query("update accounts set serving_slot = 1, state = 'active'");
  await database.query("insert into tokens (account, slot, epoch) values ('desk', 1, 7)");
  await createFleetStore(database).found({ id: "fleet-one", times });
  const floors = await register<FloorValue>(full, "HOLDFAST_FLOORS");
  const before = await floors.read("desk.1");
  const floor = { epoch: 7, incarnation: "former", host: "host-a", nonce: randomUUID() };
  await floors.write("desk.1", floor, before?.revision ?? 0);
});
afterEach(async () => {
  for (const step of undo) await step();
});

async function emptyDatabase(): Promise<string> {
  const name = `empty_${randomUUID().replaceAll("-", "")}`;
  const server = new Client({ connectionString: inject("databaseServerUrl") });
  await server.connect();
  await server.query(`create database ${name}`);
  undo.push(async () => {
    await server.query(`drop database ${name} with (force)`);
    await server.end();
  });
  const url = new URL(inject("databaseServerUrl"));
  url.pathname = `/${name}`;
  return url.href;
}

const backUp = (folder: string, keyFolder: string | null = null, nats = full.access) =>
  makeBackup({
    env: {},
    home,
    databaseUrl: test.url,
    nats,
    folder,
    keyFolder,
    now: () => new Date(),
    tell: () => {},
  });

async function restoreInto(databaseUrl: string, folder: string, to = full, now = () => new Date()) {
  const manifest = await readBackup(folder, schemaMax);
  const target = { databaseUrl, nats: to.access };
  const rest = { placeKey: () => {}, now, tell: () => {} };
  return restoreBackup({ folder, manifest, target, ...rest });
}

async function rowsOf(url: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const all: Record<string, unknown> = {};
    for (const table of [...tables, "schema_migrations"]) {
      const { rows } = await client.query(`select t::text as row from ${table} t order by 1`);
      all[table] = rows;
    }
    return all;
  } finally {
    await client.end();
  }
}

async function relationsIn(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(
    "select count(*)::int as n from pg_class where relnamespace = 'public'::regnamespace",
  );
  await client.end();
  return rows[0].n;
}

describe("a backup", () => {
  it("is a dump, the registers and a manifest that its owner alone can read, without the key", async () => {
    const folder = join(home, "backup");
    const { manifest, keyFile, keyAt } = await backUp(folder);
    expect(readdirSync(folder).toSorted()).toEqual([
      "database.dump",
      "manifest.json",
      "registers.json",
    ]);
    for (const name of readdirSync(folder))
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect({ keyFile, keyAt }).toEqual({ keyFile: null, keyAt: join(home, "master.key") });
    expect(manifest.masterKeys).toEqual([fingerprintOf(masterKey)]);
    const everything = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
    for (const form of [masterKey, Buffer.from(masterKey.toString("base64"))])
      expect(everything.every((text) => text.indexOf(form) < 0)).toBe(true);
    expect(await readBackup(folder, schemaMax)).toEqual(manifest);
    expect(JSON.parse(readFileSync(join(home, "last-backup.json"), "utf8"))).toEqual({
      at: manifest.madeAt,
      folder,
    });
  });

  it("has its key in another folder where one is named, and never beside it", async () => {
    await expect(backUp(join(home, "one"), join(home, "one", "key"))).rejects.toMatchObject({
      code: "BACKUP_KEY_BESIDE",
    });
    expect(existsSync(join(home, "one"))).toBe(false);
    const { keyFile } = await backUp(join(home, "two"), join(home, "safe"));
    expect(keyFile).toBe(join(home, "safe", "master.key"));
    expect(statSync(keyFile!).mode & 0o777).toBe(0o600);
    expect(readFileSync(keyFile!, "utf8")).toBe(`${masterKey.toString("base64")}\n`);
  });

  it("is not made in a folder that has something, and leaves none where a part fails", async () => {
    const used = join(home, "used");
    mkdirSync(used);
    writeFileSync(join(used, "mine"), "mine");
    await expect(backUp(used)).rejects.toMatchObject({ code: "BACKUP_FOLDER_USED" });
    expect(readdirSync(used)).toEqual(["mine"]);
    const folder = join(home, "broken-off");
    const noRegisters = { ...full.access, credsFile: full.server.credsFile("operator") };
    await expect(backUp(folder, null, noRegisters)).rejects.toMatchObject({
      code: "REGISTER_CLOSED",
    });
    expect(existsSync(folder)).toBe(false);
    expect(existsSync(join(home, "last-backup.json"))).toBe(false);
  });
});

describe("a restore", () => {
  it("brings every row into an empty database, and moves nothing where NATS knew the fleet", async () => {
    const fleet = await register<EraValue & { id?: string }>(full, "HOLDFAST_FLEET");
    const known = await fleet.read("id");
    await fleet.write("id", { id: "fleet-one", era: 0, nonce: "x" }, known?.revision ?? 0);
    const eraBefore = (await fleet.read("era"))?.value.era ?? 0;
    const folder = join(home, "backup");
    await backUp(folder);
    const url = await emptyDatabase();
    expect(await restoreInto(url, folder)).toEqual({
      accounts: 1,
      floorsRaised: 0,
      natsKnew: true,
    });
    expect(await rowsOf(url)).toEqual(await rowsOf(test.url));
    expect((await fleet.read("era"))?.value.era).toBe(eraBefore + 1);
    const floors = await register<FloorValue>(full, "HOLDFAST_FLOORS");
    expect((await floors.read("desk.1"))?.value.epoch).toBe(7);
    const restored = openDatabase(url, { poolMax: 1 });
    const store = createAccountStore(restored, createSealer(createKeyRing([masterKey])));
    expect(await store.credentials("desk")).toEqual({ kind: "user", phone: "+33100000001" });
    await restored.close();
  });

  it("raises the floors above every epoch since the backup where NATS was lost too (I6)", async () => {
    const folder = join(home, "backup");
    await backUp(folder);
    const lost = await startOwnRegisters();
    undo.push(() => lost.stop());
    const { madeAt } = await readBackup(folder, schemaMax);
    const weeks = () => new Date(Date.parse(madeAt) + 21 * 86_400_000);
    const url = await emptyDatabase();
    expect(await restoreInto(url, folder, lost, weeks)).toMatchObject({
      floorsRaised: 1,
      natsKnew: false,
    });
    const floors = await register<FloorValue>(lost, "HOLDFAST_FLOORS");
    const { epoch, incarnation, host } = (await floors.read("desk.1"))!.value;
    expect({ incarnation, host }).toEqual({ incarnation: "former", host: "host-a" });
    expect(epoch).toBe(7 + 21 * 864_000);
    const fleet = await register(lost, "HOLDFAST_FLEET");
    // Whose place this is, a person says: `adopt-fleet`.
    expect(await fleet.read("id")).toBeNull();
  });

  it("is refused over a database that is not empty, and leaves it as it was", async () => {
    const folder = join(home, "backup");
    await backUp(folder);
    const before = await rowsOf(test.url);
    await expect(restoreInto(test.url, folder)).rejects.toMatchObject({
      code: "RESTORE_NOT_EMPTY",
      message: expect.stringContaining("1 accounts"),
    });
    expect(await rowsOf(test.url)).toEqual(before);
  });

  it("is refused over a database that can only be read", async () => {
    const folder = join(home, "backup");
    await backUp(folder);
    const url = await emptyDatabase();
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(
      `alter database ${new URL(url).pathname.slice(1)} set default_transaction_read_only = on`,
    );
    await client.end();
    await expect(restoreInto(url, folder)).rejects.toMatchObject({ code: "RESTORE_READ_ONLY" });
  });

  it("is refused while a host of the fleet renews its lease", async () => {
    const folder = join(home, "backup");
    await backUp(folder);
    const hosts = await register<LeaseValue>(full, "HOLDFAST_HOSTS");
    const lease = (n: number): LeaseValue => ({
      generation: 1,
      incarnation: "of host-b",
      n,
      nonce: randomUUID(),
      status: "live",
      serving: true,
    });
    let revision = await hosts.write(
      "host-b",
      lease(1),
      (await hosts.read("host-b"))?.revision ?? 0,
    );
    let stop = false;
    const beats = (async () => {
      for (let n = 2; !stop; n += 1) revision = await hosts.write("host-b", lease(n), revision);
    })();
    const url = await emptyDatabase();
    await expect(restoreInto(url, folder)).rejects.toMatchObject({ code: "FLEET_RUNS" });
    stop = true;
    await beats;
    await hosts.write("host-b", { ...lease(0), status: "released", serving: false }, revision);
    expect(await relationsIn(url)).toBe(0);
  });

  it.each<[string, string, (folder: string) => void]>([
    [
      "a tampered dump",
      "BACKUP_DAMAGED",
      (folder) => appendFileSync(join(folder, "database.dump"), "x"),
    ],
    [
      "tampered registers",
      "BACKUP_DAMAGED",
      (folder) => {
        const file = join(folder, "registers.json");
        writeFileSync(file, readFileSync(file, "utf8").replace('"epoch": 7', '"epoch": 1'));
      },
    ],
    ["a missing manifest", "BACKUP_INCOMPLETE", (folder) => rmSync(join(folder, "manifest.json"))],
    ["a missing dump", "BACKUP_DAMAGED", (folder) => rmSync(join(folder, "database.dump"))],
    ["a manifest that is none", "BACKUP_DAMAGED", (folder) => edit(folder, () => ({ format: 1 }))],
    [
      "a manifest of a newer format",
      "BACKUP_NEWER",
      (folder) => edit(folder, (manifest) => ({ ...manifest, format: 2 })),
    ],
    [
      "a newer schema",
      "BACKUP_NEWER",
      (folder) => edit(folder, (manifest) => ({ ...manifest, schema: schemaMax + 1 })),
    ],
    [
      "names of files elsewhere",
      "BACKUP_DAMAGED",
      (folder) =>
        edit(folder, ({ files, ...manifest }) => ({
          ...manifest,
          files: files.map((file) => ({ ...file, name: "../../etc/passwd" })),
        })),
    ],
  ])("is refused of %s, and leaves the target as it was", async (_what, code, spoil) => {
    const folder = join(home, "backup");
    await backUp(folder);
    spoil(folder);
    const url = await emptyDatabase();
    await expect(restoreInto(url, folder)).rejects.toMatchObject({ code });
    expect(await relationsIn(url)).toBe(0);
  });

  it("is rolled back whole when a part of the dump cannot be restored", async () => {
    const folder = join(home, "backup");
    await backUp(folder);
    const file = join(folder, "database.dump");
    const dump = readFileSync(file);
    writeFileSync(file, dump.subarray(0, dump.length - 2000));
    const cut = await describeFile(folder, "database.dump");
    edit(folder, (manifest) => ({
      ...manifest,
      files: manifest.files.map((one) => (one.name === cut.name ? cut : one)),
    }));
    const url = await emptyDatabase();
    await expect(restoreInto(url, folder)).rejects.toMatchObject({ code: "RESTORE_FAILED" });
    expect(await relationsIn(url)).toBe(0);
  });
});

function edit(folder: string, change: (manifest: Manifest) => object): void {
  const file = join(folder, "manifest.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as Manifest;
  writeFileSync(file, JSON.stringify(change(manifest)));
}
