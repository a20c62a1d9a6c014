import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { control as controlApi, controlOf } from "../../src/embedded/control-api.ts";
import { createKeyRing } from "../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../src/adapters/postgres/account-store.ts";
import { openDatabase } from "../../src/adapters/postgres/database.ts";
import { type Running, startEmbedded } from "../../src/embedded/launcher.ts";
import { ownerUrlOf } from "../../src/embedded/postgres.ts";
import { fillByRace, oldTables } from "../fixtures/old-bot.ts";
import { provisionExampleAccounts } from "../../src/embedded/provision.ts";

const bin = fileURLToPath(new URL("../../bin/holdfast.js", import.meta.url));
const table = readFileSync(new URL("../../docs/from-the-old-scripts.md", import.meta.url), "utf8");

let home: string;
let running: Running;
/** Every command that a test has run, as the table writes it. */
const ran = new Set<string>();

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-flows-"));
  const env = { ...process.env, HOLDFAST_HOME: home };
  running = await startEmbedded({ env, log: () => {}, provision: provisionExampleAccounts });
}, 120_000);

afterAll(async () => {
  await running.stop();
  await rm(home, { recursive: true, force: true });
}, 60_000);

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a command as a person does; `type` is called with a way to its standard input once it has begun. */
function holdfast(
  command: string,
  type: (input: NodeJS.WritableStream) => Promise<void> = async (input) => void input.end(),
): Promise<Ended> {
  ran.add(`npx holdfast ${command}`);
  return new Promise((resolve, reject) => {
    const words = command === "" ? [] : command.split(" ");
    const child = spawn(process.execPath, [bin, ...words], {
      env: { ...process.env, HOLDFAST_HOME: home },
      cwd: home,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk) => (out += String(chunk)));
    child.stderr.on("data", (chunk) => (err += String(chunk)));
    child.once("close", (code) => resolve({ code, out, err }));
    type(child.stdin).catch(reject);
  });
}

const control = <T>(path: string, body?: unknown): Promise<T> =>
  controlApi<T>(controlOf(running.run())!, body === undefined ? "GET" : "POST", path, body);

const authorisations = async (user: string) =>
  (await control<{ authorisations: { authKeyId: string }[] }>(`/users/${user}/authorisations`))
    .authorisations;

/** A person who types the next code of the account. */
const typeCode = (user: string) => async (input: NodeJS.WritableStream) => {
  const newest = async () => (await control<{ code: string | null }>(`/users/${user}/code`)).code;
  const before = await newest();
  await expect.poll(newest, { timeout: 20_000 }).not.toBe(before);
  input.end(`${await newest()}\n`);
};

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

async function stored() {
  const database = openDatabase(running.run().database);
  const key = Buffer.from(readFileSync(join(home, "master.key"), "utf8").trim(), "base64");
  return { database, accounts: createAccountStore(database, createSealer(createKeyRing([key]))) };
}

describe("each flow of the old scripts has its command", () => {
  it("renew --safe: seven numbered steps, and the old key is logged out", async () => {
    const { code, out } = await holdfast("renew site-desk --safe");
    expect(code).toBe(0);
    for (const step of [1, 2, 3, 4, 5, 6, 7]) expect(out).toContain(`${step}/7 `);
    await expect.poll(async () => (await authorisations("site_desk")).length).toBe(1);
  });

  it("a renewal that is not safe: the old session stays, exit code 1, why, and what next", async () => {
    const [before] = await authorisations("site_desk");
    const { code, out } = await holdfast("renew site-desk --method code", async (input) => {
      for (const wrong of ["00000x", "00000y", "00000z"]) input.write(`${wrong}\n`);
      input.end();
    });
    expect(code).toBe(1);
    expect(out).toContain("the renewal was aborted and the old session stays");
    expect(out).toMatch(/Why: .*PHONE_CODE/);
    expect(out).toContain("Next: npx holdfast status site-desk");
    const [after] = await authorisations("site_desk");
    expect(after?.authKeyId).toBe(before?.authKeyId);
  });

  it("status, test, who, history: safe while everything runs", async () => {
    expect((await holdfast("status site-desk")).out).toMatch(/site-desk +user +active/);
    expect((await holdfast("test site-desk")).out).toMatch(/its session works/);
    expect((await holdfast("who")).out).toMatch(/site-desk slot \d+: connected by host/);
    await control("/users/site_bot/send", { peer: "site_desk", text: "hello" }).catch(() => null);
    expect((await holdfast("history site-desk @site_bot")).code).toBe(0);
  });

  it("check: a session that the fleet has is refused, before anybody dials", async () => {
    const { database, accounts } = await stored();
    const slot = (await accounts.find("site-desk"))!.servingSlot!;
    const session = await accounts.loadSession({ account: "site-desk", slot });
    const { key } = JSON.parse(Buffer.from(session!.bytes).toString()) as { key: string };
    await database.close();
    await writeFile(join(home, "my.session"), Buffer.from(key, "base64").toString("hex"), {
      mode: 0o600,
    });
    const { code, out } = await holdfast("check my.session");
    expect(code).toBe(1);
    expect(out).toContain("belongs to the fleet");
  });

  it("stop returns when it has stopped; resume serves again; stop --force cuts", async () => {
    const { code, out } = await holdfast("stop site-desk");
    expect([code, out]).toEqual([0, expect.stringContaining("0 sockets and its token free")]);
    expect((await holdfast("status site-desk")).out).toMatch(/stopped/);
    expect((await holdfast("resume site-desk")).code).toBe(0);
    const active = async () => (await holdfast("status site-desk")).out;
    await expect.poll(active, { timeout: 20_000 }).toMatch(/active/);
    expect((await holdfast("stop site-desk --force")).code).toBe(0);
    await holdfast("resume site-desk");
    await expect.poll(active, { timeout: 20_000 }).toMatch(/active/);
  });

  it("recover: stopped, checked, the dead key aside, logged in, proven", async () => {
    const [{ authKeyId } = { authKeyId: "" }] = await authorisations("site_desk");
    await control("/faults", { kind: "kill-key", authKeyId });
    const state = async () => (await holdfast("status site-desk")).out;
    await holdfast("test site-desk");
    await expect.poll(state, { timeout: 20_000 }).toMatch(/quarantined/);
    const { code, out } = await holdfast("recover site-desk", typeCode("site_desk"));
    expect(out).toContain("5/5 it serves");
    for (const step of [1, 2, 3, 4]) expect(out).toContain(`${step}/5 `);
    expect(code).toBe(0);
  });

  it("auth: logged out for good, then in again with a code that is typed", async () => {
    expect((await holdfast("logout site-desk --yes")).code).toBe(0);
    await expect
      .poll(async () => (await holdfast("status site-desk")).out, { timeout: 20_000 })
      .toMatch(/unauthorised.waiting/);
    const { code, out } = await holdfast("auth site-desk", typeCode("site_desk"));
    expect([code, out]).toEqual([0, expect.stringContaining("logged in and active")]);
  });

  it("import: a Telethon file becomes an account, which moves to a fresh key", async () => {
    const { database, accounts } = await stored();
    await control("/users", { firstName: "Desk", username: "desk_two", phone: "+33100000002" });
    await accounts.add({
      name: "lender",
      kind: "user",
      credentials: { kind: "user", phone: "+33100000002" },
    });
    await expect
      .poll(async () => (await holdfast("status lender")).out, { timeout: 30_000 })
      .toMatch(/unauthorised.waiting/);
    expect((await holdfast("auth lender", typeCode("desk_two"))).code).toBe(0);
    await holdfast("stop lender");
    const session = await accounts.loadSession({ account: "lender", slot: 1 });
    const { key, dcId } = JSON.parse(Buffer.from(session!.bytes).toString()) as {
      key: string;
      dcId: number;
    };
    await database.query(
      "update authorisations set key_id = null, session = null where account = 'lender'",
    );
    await database.close();
    const sqlite = new DatabaseSync(join(home, "telegram_session.session"));
    sqlite.exec(
      "create table sessions (dc_id integer, server_address text, port integer, auth_key blob)",
    );
    sqlite
      .prepare("insert into sessions values (?, '127.0.0.1', 443, ?)")
      .run(dcId, Buffer.from(key, "base64"));
    sqlite.close();
    await chmod(join(home, "telegram_session.session"), 0o600);
    const refused = await holdfast("import desk telegram_session.session --from telethon");
    expect(refused.err).toContain("two programs on one session end it for ever");
    const { code, out, err } = await holdfast(
      "import desk telegram_session.session --from telethon --stopped",
    );
    expect([code, err]).toEqual([0, ""]);
    // Slot 1 is the imported key. A slow machine may need a second try, which takes the next slot.
    expect(out).toMatch(/desk: renewed; slot [2-9] serves/);
    await expect.poll(async () => (await authorisations("desk_two")).length).toBe(1);
  });

  it("rotate-key: everything is encrypted anew while the accounts serve", async () => {
    const before = readFileSync(join(home, "master.key"), "utf8");
    const { code, out, err } = await holdfast("rotate-key");
    expect([code, err]).toEqual([0, ""]);
    for (const step of [1, 2, 3, 4]) expect(out).toContain(`${step}/4 `);
    expect(readFileSync(join(home, "master.key"), "utf8")).not.toBe(before);
    expect((await holdfast("test site-desk")).code).toBe(0);
    expect((await holdfast("renew site-bot")).code).toBe(0);
    const { database, accounts } = await stored();
    expect(await accounts.credentials("site-desk")).toMatchObject({ kind: "user" });
    await database.close();
  });

  it("metrics: each figure with a verdict, and an exit code by the worst", async () => {
    const { code, out } = await holdfast("metrics");
    expect(out).toMatch(/context-lost +ok +0 +0/);
    expect(out).toMatch(/hosts-answering +ok +1 of 1 +all/);
    const { verdict, hosts } = JSON.parse((await holdfast("metrics --json")).out) as {
      verdict: "ok" | "unknown" | "warning" | "critical";
      hosts: { answered: string[] };
    };
    expect(code).toBe({ ok: 0, unknown: 1, warning: 1, critical: 2 }[verdict]);
    const { out: shown } = await holdfast("hosts");
    expect(shown).toMatch(new RegExp(`${hosts.answered[0]} +serving .*partitions 0, 1`));
  });

  it("metrics --watch: ends in order when its reader has gone", async () => {
    const child = spawn(process.execPath, [bin, "metrics", "--watch", "--json"], {
      env: { ...process.env, HOLDFAST_HOME: home },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let err = "";
    child.stderr.on("data", (chunk) => (err += String(chunk)));
    const closed = new Promise((resolve) => child.once("exit", resolve));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.stdout.destroy();
    expect([0, 1, 2]).toContain(await closed);
    expect(err).toBe("");
  });

  it("alone: the fleet at a glance, and the next command", async () => {
    const { code, out } = await holdfast("");
    expect([code, out]).toEqual([0, expect.stringMatching(/^hosts +1 serving: .*\n[^]*Next: npx/)]);
    expect(out.trimEnd().split("\n").length).toBeLessThanOrEqual(10);
  });

  it("logs: what happened to one account", async () => {
    const { out } = await holdfast("logs site-desk");
    expect(out).toMatch(/site-desk: .* → quarantined/);
    expect(out).not.toContain("site-bot");
  });

  it("sweep: what it would remove, and then the same while everything runs", async () => {
    const old = join(home, "logs", "gate.20251129T080000000Z.log");
    await writeFile(old, "old");
    await utimes(old, 0, 0);
    const planned = await holdfast("sweep --dry-run");
    expect(planned.out).toMatch(/old logs +1 +3 B +logs\/gate\.20251129T080000000Z\.log/);
    const swept = await holdfast("sweep");
    expect([swept.code, swept.out]).toEqual([0, expect.stringMatching(/old logs +1 +3 B/)]);
    expect((await holdfast("sweep")).out).toMatch(/old logs +0 +0 B/);
    expect((await holdfast("test site-desk")).code).toBe(0);
  });

  it("migrate verify and repair: one session a user, by the index that the old bot lacked", async () => {
    expect((await holdfast("migrate verify")).out).toBe("the schema is as it should be\n");
    expect((await holdfast("migrate repair")).code).toBe(0);
  });

  it("adopt conversations: the old bot's sessions and messages come over, once", async () => {
    const url = await oldDatabase();
    await writeFile(join(home, "old-database.url"), url, { mode: 0o600 });
    const command = "adopt conversations --from old-database.url --yes";
    expect((await holdfast(command)).out).toMatch(/9 go on, 18 were active .* 9 are history/);
    expect((await holdfast(command)).out).toMatch(/0 go on, .*, 36 had come over before/);
    const { out } = await holdfast("conversation list webhook");
    expect(out).toMatch(
      /^session -1 +webhook ← whatsapp:\+3360000000\d +active +5 turns, 10 messages/,
    );
    expect(out.match(/^session /gm)).toHaveLength(20);
    expect((await holdfast("conversation show -1")).out).toContain("→ answer 10");
  });

  it("setup: the first account is added to what runs, and proves itself by a real call", async () => {
    const shop = { firstName: "Shop", username: "shop_bot", bot: true };
    const { botToken } = await control<{ botToken: string }>("/users", shop);
    const command = "setup --account shop --kind bot --json";
    const { out, err } = await holdfast(command, async (input) => void input.end(`${botToken}\n`));
    const { accounts } = JSON.parse(out) as { accounts: { name: string; well: boolean }[] };
    expect(accounts.find(({ name }) => name === "shop")).toMatchObject({ well: true });
    expect(err).toMatch(/^1\/4 the service of this folder runs already\n2\/4 /);
    expect((await holdfast("status shop")).code).toBe(0);
  });

  it("stop: nothing is left of the whole service, and a second one says so", async () => {
    const { pids } = running.run();
    // The launcher runs inside this test, which stops it as the signal would.
    expect(pids["launcher"]).toBe(process.pid);
    await running.stop();
    const { code, out } = await holdfast("stop");
    expect([code, out]).toEqual([0, "Nothing runs in this folder.\n"]);
    const alone = await holdfast("");
    expect([alone.code, alone.out]).toEqual([0, expect.stringContaining("npx holdfast start")]);
  });

  it("shutdown: sweeps and reports where nothing runs, by force or not", async () => {
    for (const options of ["", " --force", " --keep-cache"]) {
      const { code, out } = await holdfast(`shutdown --yes${options}`);
      expect(code).toBe(0);
      for (const heading of ["Nothing ran in", "Verified:", "Preserved:", "Health:", "Next:"])
        expect(out).toContain(heading);
    }
  });

  it("and none of the table is missing here", () => {
    const commands = [...table.matchAll(/\| `(npx holdfast [^`]+)` \|/g)].map(([, one]) => one!);
    expect(commands.length).toBeGreaterThan(12);
    expect(commands.filter((one) => !ran.has(one))).toEqual([]);
  });
});
