import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { control, controlOf } from "../../src/embedded/control-api.ts";
import { openDatabase } from "../../src/adapters/postgres/database.ts";
import { createPhoneUser } from "../../src/demo/phone-user.ts";
import { startGateProcess } from "../../src/embedded/gate-process.ts";
import { type Running, startEmbedded } from "../../src/embedded/launcher.ts";
import { provisionExampleAccounts } from "../../src/embedded/provision.ts";

const bin = fileURLToPath(new URL("../../bin/holdfast.js", import.meta.url));

let home: string;
let running: Running;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-start-"));
  const env = { ...process.env, HOLDFAST_HOME: home };
  running = await startEmbedded({ env, log: () => {}, provision: provisionExampleAccounts });
}, 120_000);

afterAll(async () => {
  await running.stop();
  await rm(home, { recursive: true, force: true });
}, 60_000);

/** Runs a command of the README as a person does. */
function holdfast(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, HOLDFAST_HOME: home };
    const child = spawn(process.execPath, [bin, ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => (out += String(chunk)));
    child.stderr.on("data", (chunk) => (err += String(chunk)));
    child.once("close", (code) => resolve({ code, out, err }));
  });
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const controlled = () => controlOf(running.run())!;

describe("a host from nothing", () => {
  it("serves the example accounts and says so", async () => {
    const { code, out } = await holdfast("status", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      accounts: [
        { name: "site-bot", kind: "bot", state: "active" },
        { name: "site-desk", kind: "user", state: "active" },
      ],
    });
  });

  it("answers for its health and its figures over HTTP", async () => {
    const base = new URL(running.run().metrics);
    const ready = await fetch(new URL("/readyz", base));
    expect([ready.status, await ready.text()]).toEqual([200, "ready\n"]);
    expect((await fetch(new URL("/healthz", base))).status).toBe(200);
    const metrics = await (await fetch(new URL("/metrics", base))).text();
    expect(metrics).toContain('holdfast_account_state{account="site-bot",state="active"} 1');
  });

  it("renews an account on command, and the account serves from its next slot", async () => {
    expect((await holdfast("renew", "site-bot")).code).toBe(0);
    await expect
      .poll(async () => (await holdfast("status", "site-bot")).out, { timeout: 20_000 })
      .toMatch(/site-bot +bot +active +2 /);
  });

  it("refuses an unknown account with one line that says what to type next", async () => {
    const { code, err, out } = await holdfast("status", "nobody");
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(/^holdfast: There is no account "nobody".*npx holdfast status\n$/);
  });

  it("lets scripts use an account through its holder, and tells them who that is", async () => {
    const called = await holdfast("call", "site-desk", "help.getConfig");
    expect(JSON.parse(called.out)).toMatchObject({ _: "config" });
    const sent = await holdfast("send", "site-desk", "me", "Remember the crane", "--key", "k1");
    expect(sent.out).toMatch(/^site-desk: sent as message \d+\n$/);
    const again = await holdfast("send", "site-desk", "me", "Remember the crane", "--key", "k1");
    expect(again.out).toContain("delivered before");
    const { out } = await holdfast("history", "site-desk", "me", "--json");
    const texts = (JSON.parse(out) as { text: string }[]).map(({ text }) => text);
    expect(texts.filter((text) => text === "Remember the crane")).toHaveLength(1);
    const refused = await holdfast("call", "site-desk", "auth.logOut");
    expect([refused.code, refused.out]).toEqual([1, ""]);
    expect(refused.err).toContain("npx holdfast login | renew | stop");
  });

  it("lets one message between two of its accounts be the only one", async () => {
    await holdfast("send", "site-desk", "@site_bot", "hello from the desk", "--key", "k2");
    const database = openDatabase(running.run().database);
    const taken = () =>
      database.query("select account, replies from turns where asked = 'hello from the desk'");
    await expect.poll(taken, { timeout: 20_000 }).toEqual([{ account: "site-bot", replies: null }]);
    await database.close();
    const metrics = await (await fetch(running.run().metrics)).text();
    expect(metrics).toContain(
      'holdfast_messages_unanswered_total{account="site-bot",reason="fleet"} 1',
    );
  });

  it("has the bot answer that was chosen for an account, at once and without a restart", async () => {
    const person = await createPhoneUser(controlled(), "Zoé", "site_desk");
    expect((await holdfast("bot", "site-desk", "missing.mjs")).err).toContain("There is no bot at");
    expect((await holdfast("bot", "site-desk", "none")).out).toContain("no bot answers");
    const write = { peer: "site_desk", text: "is anyone there?" };
    await control(controlled(), "POST", `/users/${person.id}/send`, write);
    const database = openDatabase(running.run().database);
    const taken = () =>
      database.query("select replies from turns where asked = 'is anyone there?'");
    await expect.poll(taken, { timeout: 20_000 }).toEqual([{ replies: null }]);
    await database.close();
    expect((await holdfast("status", "site-desk")).out).toMatch(/ none\n/);
    expect((await holdfast("bot", "site-desk", "host")).code).toBe(0);
    expect((await person.say("Bonjour")).text).toContain("Bonjour");
  }, 60_000);

  it("says who holds a key, so that nobody connects with it a second time", async () => {
    const who = await holdfast("who", "site-bot", "--json");
    const [holder] = JSON.parse(who.out) as { keyId: string; host: string; state: string }[];
    expect(holder).toMatchObject({ account: "site-bot", state: "connected" });
    const held = await holdfast("check", "--key-id", holder!.keyId);
    expect(held.code).toBe(1);
    expect(held.out).toContain(`connected by host ${holder!.host}`);
    expect((await holdfast("check", "--key-id", "0123456789abcdef")).code).toBe(0);
  });

  it("changes an account's client library and keeps its key", async () => {
    const held = async () => {
      const { out } = await holdfast("who", "site-desk", "--json");
      return (JSON.parse(out) as { keyId: string; epoch: number; state: string }[])[0]!;
    };
    const before = await held();
    expect((await holdfast("driver", "site-desk", "telegraf")).err).toContain("mtcute, telegram");
    const { out } = await holdfast("driver", "site-desk", "telegram");
    expect(out).toContain("npx holdfast force site-desk");
    await holdfast("force", "site-desk");
    await expect
      .poll(held, { timeout: 20_000 })
      .toMatchObject({ keyId: before.keyId, epoch: before.epoch + 1, state: "connected" });
    const status = await holdfast("status", "site-desk", "--json");
    const [account] = (JSON.parse(status.out) as { accounts: object[] }).accounts;
    expect(account).toMatchObject({ driver: "telegram", state: "active" });
    const called = await holdfast("call", "site-desk", "help.getConfig");
    expect(called.err).toBe("");
    expect(JSON.parse(called.out)).toMatchObject({ _: "config" });
  });

  it("takes its accounts up again after the node was killed", async () => {
    const before = running.run().pids["node"];
    const next = running.nextNode();
    running.killNode();
    expect(await next).not.toBe(before);
    await expect.poll(async () => (await holdfast("status")).code, { timeout: 20_000 }).toBe(0);
    const overlaps = await control<object>(controlled(), "GET", "/ledger/overlaps");
    expect(overlaps).toMatchObject({ "any-two-connections": 0 });
  });

  it("shows what was said, gives a session to a person and back, and replays it against a bot (V8, V10, V13)", async () => {
    const person = await createPhoneUser(controlled(), "Chef", "site_bot");
    await person.say("Bonjour");
    await person.press("View Sites");
    const listed = await holdfast("conversation", "list", "site-bot");
    const [, session = ""] =
      new RegExp(`^session (\\d+)  site-bot ← ${person.id}  active  2 turns, 4 messages`, "m").exec(
        listed.out,
      ) ?? [];
    expect(session).not.toBe("");
    const shown = await holdfast("conversation", "show", session);
    expect(shown.out).toMatch(/← Bonjour\n.*→ Bonjour! .* \[View Sites\]/);
    const replayed = await holdfast("conversation", "replay", session, "--session");
    expect([replayed.code, replayed.out]).toEqual([
      0,
      expect.stringContaining("2 turns, 0 differ"),
    ]);
    const parked = await holdfast("conversation", "park", session);
    expect(parked.out).toContain("the bot is silent");
    expect((await holdfast("conversation", "list")).out).toContain(`${person.id}  escalated`);
    expect((await holdfast("conversation", "park", session, "--back")).code).toBe(0);
    expect((await person.press("Champigny")).text).toContain("Tasks of Champigny");
    const unknown = await holdfast("conversation", "replay", "999");
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining("conversation list")]);
  });

  it("tells of its schema, finds it whole, and writes a backup (V11)", async () => {
    expect((await holdfast("migrate", "status")).out).toMatch(/^applied {2}0001-custody\n/);
    const verified = await holdfast("migrate", "verify");
    expect([verified.code, verified.out]).toEqual([0, "the schema is as it should be\n"]);
    expect((await holdfast("migrate", "up")).out).toContain("0 migrations applied");
    const file = join(home, "before.dump");
    expect((await holdfast("migrate", "backup", file)).out).toContain("pg_restore");
    expect(readFileSync(file).subarray(0, 5).toString()).toBe("PGDMP");
    const again = await holdfast("migrate", "backup", file);
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("exists")]);
    const down = await holdfast("migrate", "down", "eight");
    expect([down.code, down.err]).toEqual([1, expect.stringContaining("nothing was changed")]);
  });

  it("shows Champigny's tasks once for three taps at once, with a kill between the taps (V2, V6)", async () => {
    const person = await createPhoneUser(controlled(), "Maçon", "site_bot");
    expect((await person.say("Bonjour")).text).toContain("Bonjour");
    expect((await person.press("View Sites")).labels).toContain("Champigny");
    const next = running.nextNode();
    running.killNode();
    const sites = person.newest();
    const tap = () => person.tap(sites.id, "Champigny");
    const [shown] = await Promise.all([person.reply(sites.id), tap(), tap(), tap()]);
    await next;
    expect(shown.text).toContain("Tasks of Champigny");

    const database = openDatabase(running.run().database);
    const sessions = await database.query(
      "select id, turns from conversation_sessions where chat_user = $1",
      [person.id],
    );
    await database.close();
    expect(sessions).toMatchObject([{ turns: 3 }]);
    const all = await person.received();
    expect(all.filter((text) => text.includes("Tasks of Champigny"))).toHaveLength(1);
  });

  it("proves from its ledger what telegram-dc saw: no key was ever in two hands", async () => {
    await expect
      .poll(async () => (await holdfast("prove")).out, { timeout: 20_000 })
      .toMatch(/still open +site-bot slot 2/);
    const { code, out } = await holdfast("prove", "--since", "1h", "--json");
    const proof = JSON.parse(out) as {
      intervals: unknown[];
      breaks: unknown[];
      overlaps: unknown[];
    };
    const seen = await control<object>(controlled(), "GET", "/ledger/overlaps");
    expect(seen).toMatchObject({ "any-two-connections": proof.overlaps.length });
    expect([code, proof.breaks]).toEqual([0, []]);
    expect(proof.intervals.length).toBeGreaterThan(4);
  });

  describe("a further gate that cannot serve says why, and ends", () => {
    /** Its way to the database has other options, as another machine's may: it does not find the first one's lock. */
    async function startFurther(environment: NodeJS.ProcessEnv): Promise<unknown> {
      const { nats, database } = running.run();
      const other = join(home, "other");
      await mkdir(join(other, "logs"), { recursive: true });
      const { process } = await startGateProcess({
        home: other,
        env: {
          ...globalThis.process.env,
          HOLDFAST_HOME: other,
          HOLDFAST_NATS_URL: nats.replace("127.0.0.1", "localhost"),
          HOLDFAST_NATS_CREDS: join(home, "nats", "gate.creds"),
          HOLDFAST_NATS_NODE_CREDS: join(home, "nats", "node.creds"),
          HOLDFAST_DATABASE_URL: database.replace("jit%3Doff", "jit%3Doff%20-c%20geqo%3Doff"),
          HOLDFAST_MASTER_KEY: "11".repeat(32),
          HOLDFAST_PROFILE: "development",
          ...environment,
        },
        stopMsMax: 10_000,
        onNode: () => {},
        log: () => {},
      });
      return process.stop();
    }

    it("of the same name as one that serves", async () => {
      const shortly = { HOLDFAST_T_DRAIN_MS: "500", HOLDFAST_T_DISCONNECT_MS: "100" };
      await expect(startFurther(shortly)).rejects.toMatchObject({
        code: "GATE_FAILED",
        message: expect.stringContaining("Another gate holds the lease of host"),
      });
    }, 40_000);

    it("whose node has another master key than the fleet", async () => {
      await expect(startFurther({ HOLDFAST_HOST: "other" })).rejects.toMatchObject({
        code: "GATE_FAILED",
        message: expect.stringContaining("The database was encrypted"),
      });
    }, 40_000);
  });

  it("leaves no process and no socket behind when it stops", async () => {
    const pids = Object.values(running.run().pids).filter((pid) => pid !== process.pid);
    expect(pids.length).toBeGreaterThan(4);
    expect(pids.every(isRunning)).toBe(true);
    await running.stop();
    expect(pids.filter(isRunning)).toEqual([]);
    expect(existsSync(join(home, "run.json"))).toBe(false);
    expect(readdirSync(join(home, "run"))).toEqual([]);
  });
});
