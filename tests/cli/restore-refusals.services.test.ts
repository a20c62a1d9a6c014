import { randomUUID } from "node:crypto";
import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
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
import { describeFile, type Manifest } from "../../src/cli/backup/manifest.ts";
import type { LeaseValue } from "../../src/custody/registers.ts";
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

describe("a restore", () => {
  it("is refused over a database that is not empty, and leaves it as it was", async () => {
    const folder = join(bench.home, "backup");
    await bench.backUp(folder);
    const before = await rowsOf(bench.databaseUrl);
    await expect(bench.restoreInto(bench.databaseUrl, folder)).rejects.toMatchObject({
      code: "RESTORE_NOT_EMPTY",
      message: expect.stringContaining("1 accounts"),
    });
    expect(await rowsOf(bench.databaseUrl)).toEqual(before);
  });

  it("is refused over a database that can only be read", async () => {
    const folder = join(bench.home, "backup");
    await bench.backUp(folder);
    const url = await bench.emptyDatabase();
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(
      `alter database ${new URL(url).pathname.slice(1)} set default_transaction_read_only = on`,
    );
    await client.end();
    await expect(bench.restoreInto(url, folder)).rejects.toMatchObject({
      code: "RESTORE_READ_ONLY",
    });
  });

  it("is refused while a host of the fleet renews its lease", async () => {
    const folder = join(bench.home, "backup");
    await bench.backUp(folder);
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
    const url = await bench.emptyDatabase();
    await expect(bench.restoreInto(url, folder)).rejects.toMatchObject({ code: "FLEET_RUNS" });
    stop = true;
    await beats;
    await hosts.write("host-b", { ...lease(0), status: "released", serving: false }, revision);
    expect(await rowsOf(url)).toEqual({});
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
    const folder = join(bench.home, "backup");
    await bench.backUp(folder);
    spoil(folder);
    const url = await bench.emptyDatabase();
    await expect(bench.restoreInto(url, folder)).rejects.toMatchObject({ code });
    expect(await rowsOf(url)).toEqual({});
  });

  it("is rolled back whole when a part of the dump cannot be restored", async () => {
    const folder = join(bench.home, "backup");
    await bench.backUp(folder);
    const file = join(folder, "database.dump");
    const dump = readFileSync(file);
    writeFileSync(file, dump.subarray(0, dump.length - 2000));
    const cut = await describeFile(folder, "database.dump");
    edit(folder, (manifest) => ({
      ...manifest,
      files: manifest.files.map((one) => (one.name === cut.name ? cut : one)),
    }));
    const url = await bench.emptyDatabase();
    await expect(bench.restoreInto(url, folder)).rejects.toMatchObject({ code: "RESTORE_FAILED" });
    expect(await rowsOf(url)).toEqual({});
  });

  it("is refused over the NATS of another fleet, and leaves its floors as they were", async () => {
    const folder = join(bench.home, "backup");
    await bench.backUp(folder);
    const others = await startOwnRegisters();
    onTestFinished(() => others.stop());
    await (await register(others, "HOLDFAST_FLEET")).write("id", { id: "fleet-two" }, 0);
    const url = await bench.emptyDatabase();
    await expect(bench.restoreInto(url, folder, others)).rejects.toMatchObject({
      code: "FLEET_MISMATCH",
    });
    expect(await rowsOf(url)).toEqual({});
    expect(await (await register(others, "HOLDFAST_FLOORS")).entries()).toEqual([]);
  });
});

function edit(folder: string, change: (manifest: Manifest) => object): void {
  const file = join(folder, "manifest.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as Manifest;
  writeFileSync(file, JSON.stringify(change(manifest)));
}
