import { readdirSync, readFileSync } from "node:fs";
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { control, controlOf } from "../../src/embedded/control-api.ts";
import { createKeyRing } from "../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../src/adapters/crypto/sealing.ts";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { askSealKey, requestSealed } from "../../src/adapters/crypto/sealed-request.ts";
import { createAccountStore } from "../../src/adapters/postgres/account-store.ts";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import { ownerUrlOf } from "../../src/embedded/postgres.ts";
import { type Running, startEmbedded } from "../../src/embedded/launcher.ts";
import { exampleBot, provisionExampleAccounts } from "../../src/embedded/provision.ts";
import { everythingIn } from "../fixtures/nats.ts";
import { natsAccessOf } from "../../src/embedded/run-info.ts";
import { findSecret } from "../fixtures/secret-search.ts";

const account = "site-desk";
const password = "correct horse ⚓ battery";
const phone = "+33100000001";

let home: string;
let running: Running;
/** As the operator. */
let nats: NatsConnection;
/** Reads every stream. */
let reader: NatsConnection;
let database: Database;
/** Every code that was asked for. */
const codes: string[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-secrets-"));
  const env = { ...process.env, HOLDFAST_HOME: home, HOLDFAST_LOG_LEVEL: "trace" };
  running = await startEmbedded({ env, log: () => {}, provision: provisionExampleAccounts });
  nats = await connectNats(natsAccessOf(running.run(), {}), "secrets");
  reader = await connectNats(await everythingIn(home, running.run().nats), "reader");
  database = openDatabase(ownerUrlOf(running.run().database));
}, 120_000);

afterAll(async () => {
  await database.close();
  await nats.close();
  await reader.close();
  await running.stop();
  await rm(home, { recursive: true, force: true });
}, 60_000);

async function ask(verb: string, body: unknown = {}) {
  const subject = `holdfast.account.${account}.${verb}`;
  const key = await askSealKey(nats, 10_000);
  const reply = await requestSealed(nats, key, { subject, body, timeoutMs: 10_000 });
  return reply as Readonly<Record<string, unknown>>;
}

/** The code that stands, or the next one that is given out; null when none is for 10 s. */
async function nextCode(): Promise<string | null> {
  const path = "/users/site_desk/code?waitMs=10000";
  const access = controlOf(running.run())!;
  return (await control<{ code: string | null }>(access, "GET", path)).code;
}

const steps = async (id: string) =>
  ((await ask("renewal", { id }))["steps"] as { step: string }[]).map(({ step }) => step);

/** A person types the code. */
async function typeCode(renewal: unknown, code: string | null): Promise<void> {
  const question = async () => (await ask("renewal", { id: renewal }))["question"];
  await expect.poll(question, { timeout: 10_000 }).not.toBeNull();
  await ask("answer", { of: renewal, kind: "code", value: code });
}

async function renew(method: string): Promise<void> {
  const given = method === "handoff" ? null : nextCode();
  const { renewal } = await ask("renew", { id: `secret-${method}`, method });
  const code = await given;
  if (code !== null) codes.push(code);
  if (method === "code") await typeCode(renewal, code);
  await expect.poll(() => steps(String(renewal)), { timeout: 20_000 }).toContain("retired");
}

/** Everything that is written down anywhere: the tables, the streams and buckets, the logs. */
async function everything(): Promise<Readonly<Record<string, Buffer>>> {
  const tables = await database.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public'",
  );
  const rows: string[] = [];
  for (const { name } of tables) {
    const found = await database.query<{ row: string }>(`select t::text as row from ${name} t`);
    rows.push(...found.map(({ row }) => row));
  }
  const manager = await jetstreamManager(reader);
  const messages: Buffer[] = [];
  for (const { config, state } of await manager.streams.list().next()) {
    for (let seq = state.first_seq; seq <= state.last_seq && seq > 0; seq += 1) {
      const message = await manager.streams.getMessage(config.name, { seq }).catch(() => null);
      if (message !== null) messages.push(Buffer.from(message.data), Buffer.from(message.subject));
    }
  }
  const logs = readdirSync(join(home, "logs")).map((file) =>
    readFileSync(join(home, "logs", file)),
  );
  return {
    database: Buffer.from(rows.join("\n")),
    streams: Buffer.concat(messages),
    logs: Buffer.concat(logs),
  };
}

async function authKeys(): Promise<readonly Buffer[]> {
  const key = Buffer.from(readFileSync(join(home, "master.key"), "utf8").trim(), "base64");
  const accounts = createAccountStore(database, createSealer(createKeyRing([key])));
  const keys: Buffer[] = [key];
  for (const name of [account, exampleBot.account]) {
    for (const { slot } of await accounts.slots(name)) {
      const session = await accounts.loadSession({ account: name, slot });
      if (session === null) continue;
      const form = JSON.parse(Buffer.from(session.bytes).toString()) as { key: string };
      keys.push(Buffer.from(form.key, "base64"));
    }
  }
  return keys;
}

describe("secrets", () => {
  it("are found by this search where one is planted, in each form and each place", async () => {
    const planted = Buffer.from("a planted secret, 5 words ⚓");
    const forms = { raw: planted.toString(), hex: planted.toString("hex") };
    for (const [form, text] of [
      ...Object.entries(forms),
      ...[0, 1, 2].map((at) => [
        "base64",
        Buffer.concat([Buffer.alloc(at, 7), planted]).toString("base64"),
      ]),
    ] as [string, string][]) {
      expect(findSecret(planted, { here: Buffer.from(`{"x":"${text}"}`) })).toEqual([
        { place: "here", form },
      ]);
    }
    await database.query("create table planted (what text)");
    await database.query("insert into planted values ($1)", [forms.hex]);
    const manager = await jetstreamManager(reader);
    await manager.streams.add({ name: "PLANTED", subjects: ["planted"] });
    reader.publish("planted", planted);
    await reader.flush();
    await appendFile(join(home, "logs", "planted.log"), planted.toString("base64"));
    const found = findSecret(planted, await everything());
    await database.query("drop table planted");
    await manager.streams.delete("PLANTED");
    await rm(join(home, "logs", "planted.log"));
    expect(found).toEqual([
      { place: "database", form: "hex" },
      { place: "streams", form: "raw" },
      { place: "logs", form: "base64" },
    ]);
    expect(
      findSecret(Buffer.from("12345"), { here: Buffer.from("at 0.12345 id 9123456") }),
    ).toEqual([]);
    expect(findSecret(Buffer.from("12345"), { here: Buffer.from("Login code: 12345.") })).toEqual([
      { place: "here", form: "raw" },
    ]);
  });

  it("stand nowhere in the clear: auth keys, codes, passwords, phone numbers, tokens (I7)", async () => {
    await ask("password", { password });
    const keys: Buffer[] = [];
    for (const method of ["auto-code", "code", "handoff"]) {
      keys.push(...(await authKeys()));
      await renew(method);
    }
    keys.push(...(await authKeys()));
    const secrets: Record<string, Uint8Array> = {
      password: Buffer.from(password),
      phone: Buffer.from(phone.slice(1)),
    };
    for (const [index, key] of keys.entries()) secrets[`key ${index}`] = key;
    for (const code of codes) secrets[`code ${code}`] = Buffer.from(code);
    const places = await everything();
    expect(places["logs"]!.length).toBeGreaterThan(1000);
    expect(codes).toHaveLength(2);
    expect(keys.length).toBeGreaterThan(8);
    for (const [name, secret] of Object.entries(secrets)) {
      expect({ name, found: findSecret(secret, places) }).toEqual({ name, found: [] });
    }
  });
});
