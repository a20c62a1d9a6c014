import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../../src/adapters/postgres/database.ts";
import type { Finding } from "../../../src/cli/doctor/check.ts";
import { mendAll } from "../../../src/cli/doctor/mend.ts";
import { type DoctorBench, openDoctorBench } from "../../fixtures/doctor-bench.ts";
import { type OwnRegisters, startOwnRegisters } from "../../fixtures/own-registers.ts";

let registers: OwnRegisters;
let bench: DoctorBench;
let database: Database;
let home: string;

beforeAll(async () => {
  registers = await startOwnRegisters();
});
afterAll(() => registers.stop());
beforeEach(async () => {
  bench = await openDoctorBench(registers);
  ({ database, home } = bench);
});
afterEach(() => bench.close());

const mended = new Set(["indexes", "modes", "run-files"]);
const gone = `${JSON.stringify({ pid: 2_000_000_000, startTime: "never" })}\n`;

function write(name: string, text: string, mode: number): void {
  mkdirSync(join(home, name, ".."), { recursive: true, mode: 0o700 });
  writeFileSync(join(home, name), text);
  chmodSync(join(home, name), mode);
}

/** Faults of every kind: some can be mended without harm, the others cannot. */
async function plant(): Promise<void> {
  chmodSync(home, 0o755);
  chmodSync(join(home, "master.key"), 0o644);
  write("run.json", JSON.stringify({ pids: { gate: 2_000_000_000 } }), 0o600);
  write("run/holdfast.lock", gone, 0o600);
  write("run/gate.process.json", gone, 0o600);
  write("run/notes.txt", "a person's", 0o600);
  write("logs/gate.log", "a log", 0o644);
  write("postgres/base", "another user's", 0o644);
  await database.query("alter table accounts disable trigger note_account_change");
  await database.query(
    "insert into accounts (name, kind, credentials, state) values ('desk', 'user', decode('02' || repeat('ab', 60), 'hex'), 'active')",
  );
  await database.query(
    "insert into incarnations (id, host, state, proof, ended_at) values ('gone', 'b', 'RELEASED', '{}', now() - interval '1 hour')",
  );
  await database.query(
    "insert into authorisations (account, slot, state) values ('desk', 1, 'PENDING')",
  );
  await database.query(
    "insert into tokens (account, slot, state, held_as, incarnation) values ('desk', 1, 'connected', 'connected', 'gone')",
  );
  await database.query("create table mine (n int)");
  await database.query("create index mine_n on mine (n)");
  await database.query(
    "update pg_index set indisvalid = false where indexrelid = any (array['mine_n', 'lifecycle_events_by_account']::regclass[])",
  );
}

/** Every file with its mode and content. */
function filesNow(): Record<string, string> {
  const found: Record<string, string> = { ".": modeOf(home) };
  for (const name of readdirSync(home, { recursive: true, encoding: "utf8" })) {
    const path = join(home, name);
    const isFile = lstatSync(path).isFile();
    const content = isFile ? createHash("sha256").update(readFileSync(path)).digest("hex") : "";
    found[name] = `${modeOf(path)} ${content}`;
  }
  return found;
}
const modeOf = (path: string): string => (lstatSync(path).mode & 0o777).toString(8);

/** Every row of every table, and every index with whether it is valid. */
async function rowsNow(): Promise<Record<string, unknown>> {
  const names = await database.query<{ name: string }>(
    "select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1",
  );
  const found: Record<string, unknown> = {};
  for (const { name } of names)
    found[name] = await database.query(`select t::text as row from "${name}" t order by 1`);
  for (const { index, valid } of await database.query<{ index: string; valid: boolean }>(
    `select c.relname as index, i.indisvalid as valid from pg_index i
     join pg_class c on c.oid = i.indexrelid where c.relnamespace = 'public'::regnamespace`,
  ))
    found[`index ${index}`] = valid;
  return found;
}

const look = () => bench.look(...asked);
/** All but the one that asks hosts, which do not run. */
const asked = [
  "database",
  "schema",
  "indexes",
  "sessions",
  "tokens",
  "accounts",
  "modes",
  "run-files",
  "master-key",
  "credentials",
  "place",
  "streams",
  "backup",
];
const faultsIn = (found: readonly Finding[]) =>
  found.filter(({ verdict }) => verdict === "fault").map(({ name }) => name);

describe("doctor --fix", () => {
  it("mends what is safe, and changes nothing else in home or database", async () => {
    await plant();
    const [files, rows] = [filesNow(), await rowsNow()];
    const found = await look();
    expect(faultsIn(found)).toEqual(
      expect.arrayContaining([...mended, "tokens", "accounts", "master-key", "backup"]),
    );
    expect(filesNow()).toEqual(files);
    expect(await rowsNow()).toEqual(rows);

    const told: string[] = [];
    const done = await mendAll(found, { tell: (line) => told.push(line), agreed: true });
    expect(done.map(({ name, error }) => [name, error])).toEqual([
      ["indexes", null],
      ["modes", null],
      ["run-files", null],
    ]);
    const firstDeed = told.findIndex((line) => line.startsWith("mended"));
    expect(told.slice(0, firstDeed)).toEqual([
      "would mend indexes: reindex index concurrently lifecycle_events_by_account",
      `would mend modes: chmod 700 ${home}; chmod 600 ${join(home, "master.key")}`,
      `would mend run-files: remove ${["run.json", "run/gate.process.json", "run/holdfast.lock"].map((name) => join(home, name)).join(", ")}`,
    ]);

    const kept = Object.entries(files).filter(
      ([name]) => !["run.json", "run/holdfast.lock", "run/gate.process.json"].includes(name),
    );
    expect(filesNow()).toEqual({
      ...Object.fromEntries(kept),
      ".": "700",
      "master.key": files["master.key"]!.replace("644", "600"),
    });
    expect(await rowsNow()).toEqual({ ...rows, "index lifecycle_events_by_account": true });
    const after = faultsIn(await look());
    // An index of another program is told, and let alone.
    expect(after).toEqual(
      faultsIn(found).filter((name) => name === "indexes" || !mended.has(name)),
    );
  }, 60_000);

  it("leaves an index that cannot be built as it was", async () => {
    await database.query("drop index conversation_sessions_one_open");
    await database.query(
      `insert into conversation_sessions (channel, account, chat_user)
       select 'telegram', 'desk', 'ada' from generate_series(1, 2)`,
    );
    await database
      .query(
        `create unique index concurrently conversation_sessions_one_open
         on conversation_sessions (channel, account, chat_user) where status in ('active', 'escalated')`,
      )
      .catch(() => undefined);
    const before = await rowsNow();
    expect(before["index conversation_sessions_one_open"]).toBe(false);
    const found = (await look()).filter(({ name }) => name === "indexes");
    const [done] = await mendAll(found, { tell: () => {}, agreed: true });
    expect(done).toMatchObject({
      name: "indexes",
      error: expect.stringContaining("could not create unique index"),
    });
    expect(await rowsNow()).toEqual(before);
  }, 60_000);

  it("does nothing where no person agreed", async () => {
    await plant();
    const files = filesNow();
    await expect(mendAll(await look(), { tell: () => {}, agreed: false })).rejects.toMatchObject({
      code: "NOT_CONFIRMED",
    });
    expect(filesNow()).toEqual(files);
  }, 60_000);
});
