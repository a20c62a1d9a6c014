import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDatabase } from "../../src/adapters/postgres/database.ts";
import { controlOf } from "../../src/embedded/control-api.ts";
import { createPhoneUser } from "../../src/demo/phone-user.ts";
import { type Running, startEmbedded } from "../../src/embedded/launcher.ts";
import { ownerUrlOf } from "../../src/embedded/postgres.ts";
import { provisionExampleAccounts } from "../../src/embedded/provision.ts";
import { fillByRace, oldTables } from "../fixtures/old-bot.ts";
import { type Ended, typistOf } from "../fixtures/typed-commands.ts";

let home: string;
let running: Running;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-forget-"));
  const env = { ...process.env, HOLDFAST_HOME: home };
  running = await startEmbedded({ env, log: () => {}, provision: provisionExampleAccounts });
}, 120_000);

afterAll(async () => {
  await running.stop();
  await rm(home, { recursive: true, force: true });
}, 60_000);

const holdfast = (command: string): Promise<Ended> => typistOf(home).type(command.split(" "));

/** A database of the old bot's, beside the fleet's own. */
async function oldDatabase(): Promise<string> {
  const owner = ownerUrlOf(running.run().database);
  const own = openDatabase(owner, { poolMax: 1 });
  await own.query("create database old_bot");
  await own.close();
  const url = owner.replace("/holdfast?", "/old_bot?");
  const bot = openDatabase(url, { poolMax: 1 });
  await bot.query(oldTables);
  await fillByRace({ run: bot.query }, { users: 9, messages: 360 });
  await bot.close();
  return url;
}

describe("a command by which a person is forgotten", () => {
  it("erases one who has talked, and the record of commands does not name them", async () => {
    const person = await createPhoneUser(controlOf(running.run())!, "greta", "site_bot");
    await person.say("hello from greta");
    const database = openDatabase(running.run().database, { poolMax: 1 });
    const sessions = () =>
      database.query("select id from conversation_sessions where chat_user = $1", [person.id]);
    await expect.poll(async () => (await sessions()).length).toBe(1);
    expect((await holdfast(`forget ${person.id}`)).err).toContain("was not forgotten");
    expect((await holdfast(`forget ${person.id} --dry-run`)).out).toMatch(/^turns: \d+ would go$/m);
    const { code, out } = await holdfast(`forget ${person.id} --yes`);
    expect([code, out]).toEqual([
      0,
      expect.stringContaining("every table and stream was looked through"),
    ]);
    expect(await sessions()).toEqual([]);
    await database.close();
    const audit = await holdfast("audit --json");
    expect(audit.out).toContain("fleet.forget");
    expect(audit.out).not.toContain(person.id);
  });

  it("erases one who came over from another bot, and they come over no more", async () => {
    await writeFile(join(home, "old-database.url"), await oldDatabase(), { mode: 0o600 });
    const adopt = "adopt conversations --from old-database.url --yes";
    expect((await holdfast(adopt)).out).toMatch(/9 go on/);
    const person = "whatsapp:+33600000001";
    const { code, out } = await holdfast(`forget ${person} --yes --json`);
    const { erased, left } = JSON.parse(out) as Record<string, Record<string, number>>;
    expect([code, left]).toEqual([0, {}]);
    expect(erased!["conversation_sessions"]).toBeGreaterThan(0);
    expect((await holdfast(`forget ${person} --dry-run`)).out).toBe("nothing is known of them\n");
    expect((await holdfast(adopt)).out).toMatch(/0 go on, .*, 36 had come over before/);
    const { out: listed } = await holdfast("conversation list webhook --limit 200");
    expect(listed).toContain("whatsapp:+33600000002");
    expect(listed).not.toContain(person);
  });
});

it("what is too old is counted, and then removed", async () => {
  const planned = await holdfast("retention --dry-run --json");
  const done = await holdfast("retention --json");
  expect([planned.code, done.code]).toEqual([0, 0]);
  expect({ ...JSON.parse(planned.out), dryRun: false }).toEqual(JSON.parse(done.out));
  expect((await holdfast("retention")).out).toBe("nothing is older than it is to be kept\n");
});
