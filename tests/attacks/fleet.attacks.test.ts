import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import { control, controlOf } from "../../src/embedded/control-api.ts";
import { startEmbedded } from "../../src/embedded/launcher.ts";
import { type AttackedService, attackedService } from "../fixtures/attacked-service.ts";

let service: AttackedService;
let elsewhere: string;

beforeAll(async () => {
  service = await attackedService();
  elsewhere = mkdtempSync(join(tmpdir(), "holdfast-elsewhere-"));
}, 120_000);

afterAll(async () => {
  await service.stop();
  rmSync(elsewhere, { recursive: true, force: true });
}, 60_000);

/** The data centre of the first, so that both would use the same keys there. */
function sameTelegram(): string {
  const { gate } = service.running.run().pids;
  const variables = readFileSync(`/proc/${gate}/environ`, "utf8").split("\0");
  const name = "HOLDFAST_TELEGRAM_DC=";
  return variables.find((one) => one.startsWith(name))?.slice(name.length) ?? "";
}

/** Another start, as an operator types it by mistake. It ends again should it succeed. */
async function startAnother(name: string, env: Readonly<Record<string, string>>): Promise<string> {
  const home = join(elsewhere, name);
  try {
    const other = await startEmbedded({
      env: {
        ...process.env,
        HOLDFAST_HOST: name,
        HOLDFAST_TELEGRAM_DC: sameTelegram(),
        HOLDFAST_MASTER_KEY_FILE: join(service.home, "master.key"),
        ...env,
      },
      home,
      log: () => {},
    });
    await other.stop();
    return "it started";
  } catch (error) {
    return String(error);
  }
}

const overlaps = async (): Promise<number> => {
  const access = controlOf(service.running.run())!;
  const seen = await control<Record<string, number>>(access, "GET", "/ledger/overlaps");
  return seen["any-two-connections"] ?? -1;
};

/** The broker of the first, with the keys that the first gave out. */
const natsOfTheFirst = () => ({
  HOLDFAST_NATS_URL: service.running.run().nats,
  HOLDFAST_NATS_CREDS: join(service.home, "nats", "gate.creds"),
  HOLDFAST_NATS_NODE_CREDS: join(service.home, "nats", "node.creds"),
});

describe("a second fleet", () => {
  it("is refused on the NATS of the first", async () => {
    const said = await startAnother("second", natsOfTheFirst());
    expect(said).toContain("This NATS belongs to fleet");
  }, 60_000);

  it("is refused over the database of the first with a NATS of its own, as in staging", async () => {
    const { database } = service.running.run();
    const said = await startAnother("staging", { HOLDFAST_DATABASE_URL: database });
    expect(said).toContain("that this NATS does not know");
    expect(await overlaps()).toBe(0);
  }, 60_000);

  it("is refused with other times than the first, on the same servers", async () => {
    const { database } = service.running.run();
    const shared = { HOLDFAST_DATABASE_URL: database, ...natsOfTheFirst() };
    expect(await startAnother("hasty", shared)).toContain("HOLDFAST_PROFILE: is unset");
    expect(await startAnother("hasty", { ...shared, HOLDFAST_PROFILE: "production" })).toContain(
      "The fleet's times are suspectMs 2500",
    );
  }, 60_000);

  it("is refused in a copy of the home", async () => {
    const copy = join(elsewhere, "copy");
    spawnSync("cp", ["-a", service.home, copy]);
    // As on another machine, where nothing of it runs.
    const ofRunning = ["postmaster.pid", ".s.PGSQL.5432", ".s.PGSQL.5432.lock"];
    for (const file of ["run", "run.json", ...ofRunning.map((name) => `postgres/${name}`)])
      rmSync(join(copy, file), { recursive: true, force: true });
    expect(await startAnother("copy", {})).toContain("is a copy of");
    expect(await overlaps()).toBe(0);
  }, 60_000);
});

describe("the database's address in run.json", () => {
  let database: Database;
  beforeAll(() => {
    database = openDatabase(service.running.run().database, { poolMax: 1 });
  });
  afterAll(() => database.close());

  it.each([
    "alter table custody_ledger disable trigger all",
    "delete from custody_ledger",
    "create table own (id int)",
    "set session_replication_role = replica",
  ])("may not: %s", async (statement) => {
    await expect(database.query(statement)).rejects.toMatchObject({
      cause: { code: "42501" },
    });
  });
});
