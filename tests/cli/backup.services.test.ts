import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFinished,
} from "vitest";
import { createKeyRing, fingerprintOf } from "../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../src/adapters/postgres/account-store.ts";
import { openDatabase } from "../../src/adapters/postgres/database.ts";
import { migrateDown } from "../../src/adapters/postgres/migrate.ts";
import { readBackup } from "../../src/cli/backup/manifest.ts";
import type { EraValue, FloorValue } from "../../src/custody/registers.ts";
import {
  type BackupBench,
  openBackupBench,
  register,
  rowsOf,
  schemaMax,
} from "../fixtures/backup-bench.ts";
import { type OwnRegisters, startOwnRegisters } from "../fixtures/own-registers.ts";

let full: OwnRegisters;
let bench: BackupBench;

beforeAll(async () => {
  full = await startOwnRegisters();
});
afterAll(() => full.stop());
beforeEach(async () => {
  bench = await openBackupBench(full);
});
afterEach(() => bench.close());

describe("a backup", () => {
  it("is a dump, the registers and a manifest that its owner alone can read, without the key", async () => {
    const folder = join(bench.home, "backup");
    const { manifest, keyFile, keyAt } = await bench.backUp(folder);
    expect(readdirSync(folder).toSorted()).toEqual([
      "database.dump",
      "manifest.json",
      "registers.json",
    ]);
    for (const name of readdirSync(folder))
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect({ keyFile, keyAt }).toEqual({ keyFile: null, keyAt: join(bench.home, "master.key") });
    expect(manifest.masterKeys).toEqual([fingerprintOf(bench.masterKey)]);
    const everything = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
    for (const form of [bench.masterKey, Buffer.from(bench.masterKey.toString("base64"))])
      expect(everything.every((text) => text.indexOf(form) < 0)).toBe(true);
    expect(await readBackup(folder, schemaMax)).toEqual(manifest);
    expect(JSON.parse(readFileSync(join(bench.home, "last-backup.json"), "utf8"))).toEqual({
      at: manifest.madeAt,
      folder,
    });
  });

  it("has its key in another folder where one is named, and never beside it", async () => {
    await expect(
      bench.backUp(join(bench.home, "one"), join(bench.home, "one", "key")),
    ).rejects.toMatchObject({
      code: "BACKUP_KEY_BESIDE",
    });
    expect(existsSync(join(bench.home, "one"))).toBe(false);
    const { keyFile } = await bench.backUp(join(bench.home, "two"), join(bench.home, "safe"));
    expect(keyFile).toBe(join(bench.home, "safe", "master.key"));
    expect(statSync(keyFile!).mode & 0o777).toBe(0o600);
    expect(readFileSync(keyFile!, "utf8")).toBe(`${bench.masterKey.toString("base64")}\n`);
  });

  it("is not made in a folder that has something, and leaves none where a part fails", async () => {
    const used = join(bench.home, "used");
    mkdirSync(used);
    writeFileSync(join(used, "mine"), "mine");
    await expect(bench.backUp(used)).rejects.toMatchObject({ code: "BACKUP_FOLDER_USED" });
    expect(readdirSync(used)).toEqual(["mine"]);
    const folder = join(bench.home, "broken-off");
    const noRegisters = { ...full.access, credsFile: full.server.credsFile("operator") };
    await expect(bench.backUp(folder, null, noRegisters)).rejects.toMatchObject({
      code: "REGISTER_CLOSED",
    });
    expect(existsSync(folder)).toBe(false);
    expect(existsSync(join(bench.home, "last-backup.json"))).toBe(false);
  });
});

describe("a restore", () => {
  it("brings every row into an empty database, and moves nothing where NATS knew the fleet", async () => {
    const fleet = await register<EraValue & { id?: string }>(full, "HOLDFAST_FLEET");
    const known = await fleet.read("id");
    await fleet.write("id", { id: "fleet-one", era: 0, nonce: "x" }, known?.revision ?? 0);
    const eraBefore = (await fleet.read("era"))?.value.era ?? 0;
    const folder = join(bench.home, "backup");
    await bench.backUp(folder);
    const url = await bench.emptyDatabase();
    expect(await bench.restoreInto(url, folder)).toEqual({
      accounts: 1,
      floorsRaised: 0,
      natsKnew: true,
    });
    expect(await rowsOf(url)).toEqual(await rowsOf(bench.databaseUrl));
    expect((await fleet.read("era"))?.value.era).toBe(eraBefore + 1);
    const floors = await register<FloorValue>(full, "HOLDFAST_FLOORS");
    expect((await floors.read("desk.1"))?.value.epoch).toBe(7);
    const restored = openDatabase(url, { poolMax: 1 });
    const store = createAccountStore(restored, createSealer(createKeyRing([bench.masterKey])));
    expect(await store.credentials("desk")).toEqual({ kind: "user", phone: "+33100000001" });
    await restored.close();
  });

  it("raises the floors above every epoch since the backup where NATS was lost too (I6)", async () => {
    const folder = join(bench.home, "backup");
    await bench.backUp(folder);
    const lost = await startOwnRegisters();
    onTestFinished(() => lost.stop());
    const { madeAt } = await readBackup(folder, schemaMax);
    const weeks = () => new Date(Date.parse(madeAt) + 21 * 86_400_000);
    const url = await bench.emptyDatabase();
    expect(await bench.restoreInto(url, folder, lost, weeks)).toMatchObject({
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

  it("brings the schema of an older version up to date", async () => {
    const whole = await rowsOf(bench.databaseUrl);
    const { schema: newest } = (await bench.backUp(join(bench.home, "newest"))).manifest;
    await migrateDown(bench.databaseUrl, newest - 1);
    const folder = join(bench.home, "older");
    expect((await bench.backUp(folder)).manifest.schema).toBe(newest - 1);
    const url = await bench.emptyDatabase();
    await bench.restoreInto(url, folder);
    const versions = (rows: Readonly<Record<string, unknown>>) =>
      (rows["schema_migrations"] as readonly unknown[]).length;
    const restored = await rowsOf(url);
    expect(Object.keys(restored)).toEqual(Object.keys(whole));
    expect(versions(restored)).toBe(versions(whole));
    expect(restored["conversation_sessions"]).toEqual(whole["conversation_sessions"]);
  });
});
