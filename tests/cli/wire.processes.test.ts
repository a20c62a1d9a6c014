import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { control as controlApi, controlOf } from "../../src/embedded/control-api.ts";
import { createKeyRing } from "../../src/adapters/crypto/key-ring.ts";
import { createSealer } from "../../src/adapters/crypto/sealing.ts";
import { createAccountStore } from "../../src/adapters/postgres/account-store.ts";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import type { AccountStatus } from "../../src/commands/account-status.ts";
import { packageFile } from "../../src/files.ts";
import { type Running, startEmbedded } from "../../src/embedded/launcher.ts";
import { ownerUrlOf } from "../../src/embedded/postgres.ts";
import { exampleDesk, provisionExampleAccounts } from "../../src/embedded/provision.ts";
import { commandNames, type Ended, type Typist, typistOf } from "../fixtures/typed-commands.ts";
import type { Find } from "../fixtures/secret-search.ts";
import { tapWire, type WireTaps } from "../fixtures/wire-tap.ts";

const password = "correct horse ⚓ battery";
const proxy = "socks5://px-user:px-pass-8814@127.0.0.1:1080";
const phones = { "new-desk": "33100000077", "far-desk": "33177000042" } as const;

/** It reads the files that it is sent. */
const botText = `import { defineBot } from "${pathToFileURL(packageFile("src/bot.ts")).href}";
export default defineBot({
  name: "reader",
  async media(turn, [file]) {
    turn.reply(\`read \${(await turn.download(file)).length} bytes\`);
  },
  text: (turn, text) => turn.reply(text),
});
`;

/** Commands that no reader of the wire can learn from, and why they are not typed here. */
const notTyped: Readonly<Record<string, string>> = {
  start: "is the service that runs here, started by this process",
  demo: "runs a service of its own in a temporary folder, with a broker of its own",
};

let home: string;
let running: Running;
let taps: WireTaps;
let person: Typist;
let database: Database;
/** Everything that no reader may see, by a name. */
const secrets = new Map<string, Uint8Array>();

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-wire-"));
  const env = { ...process.env, HOLDFAST_HOME: home, HOLDFAST_BOT: join(home, "bot.mjs") };
  await writeFile(join(home, "bot.mjs"), botText);
  running = await startEmbedded({ env, log: () => {}, provision: provisionExampleAccounts });
  taps = await tapWire(home, running.run());
  person = typistOf(home);
  database = openDatabase(ownerUrlOf(running.run().database));
}, 120_000);

afterAll(async () => {
  await database.close();
  await taps.close();
  await running.stop();
  await rm(home, { recursive: true, force: true });
}, 60_000);

const control = <T>(path: string, body?: unknown): Promise<T> =>
  controlApi<T>(controlOf(running.run())!, body === undefined ? "GET" : "POST", path, body);

const hide = (name: string, secret: string | Uint8Array) =>
  void secrets.set(name, Buffer.from(secret as Uint8Array));

/** The code that stands, or the next one that is given out. */
async function loginCode(user: string): Promise<string> {
  const { code } = await control<{ code: string | null }>(`/users/${user}/code?waitMs=20000`);
  if (code === null) throw new Error(`no code came to ${user}`);
  hide(`code ${code} of ${user}`, code);
  return code;
}

const masterKeys = (): readonly Buffer[] =>
  readFileSync(join(home, "master.key"), "utf8")
    .trim()
    .split("\n")
    .map((line) => Buffer.from(line, "base64"));

/** Hides the auth keys that an account has now; answers that of the slot that serves. */
async function authKeyOf(account: string): Promise<{ dcId: number; key: Buffer }> {
  const accounts = createAccountStore(database, createSealer(createKeyRing([...masterKeys()])));
  const serving = (await accounts.find(account))?.servingSlot;
  let found: { dcId: number; key: Buffer } | null = null;
  for (const { slot } of await accounts.slots(account)) {
    const session = await accounts.loadSession({ account, slot });
    if (session === null) continue;
    const form = JSON.parse(Buffer.from(session.bytes).toString()) as { key: string; dcId: number };
    const key = Buffer.from(form.key, "base64");
    hide(`key ${key.toString("hex", 0, 4)} of ${account}`, key);
    if (slot === serving) found = { dcId: form.dcId, key };
  }
  if (found === null) throw new Error(`${account} has no key`);
  return found;
}

/** As a program without a key to seal to sees it. */
async function status(account: string): Promise<AccountStatus> {
  const reply = await taps.operator.request(`holdfast.account.${account}.status`, "{}");
  return (JSON.parse(reply.string()) as { account: AccountStatus }).account;
}

const until = (account: string, is: (status: AccountStatus) => boolean) =>
  expect.poll(async () => is(await status(account)), { timeout: 20_000 }).toBe(true);
const asks = (account: string, kind: string) =>
  until(account, ({ question }) => question?.kind === kind);
const isActive = (account: string) => until(account, ({ state }) => state === "active");

/** Types a command that must end well, or with the code that is given. */
async function does(args: string, input = "", code = 0): Promise<Ended> {
  const ended = await person.type(args.split(" "), input);
  const told = ended.code === code ? "" : `${ended.out}${ended.err}`;
  expect({ args, code: ended.code, told }).toEqual({ args, code, told: "" });
  return ended;
}

describe("a reader of all of NATS", () => {
  it("would be seen to read a secret in the clear, in each form and in both accounts of the broker", async () => {
    const written: Readonly<Record<Find["form"], (secret: Buffer) => readonly Buffer[]>> = {
      raw: (secret) => [secret],
      hex: (secret) => [Buffer.from(secret.toString("hex"))],
      base64: (secret) =>
        [0, 1, 2].map((at) =>
          Buffer.from(Buffer.concat([Buffer.alloc(at, 7), secret]).toString("base64")),
        ),
    };
    for (const [form, write] of Object.entries(written) as [Find["form"], typeof written.raw][]) {
      for (const at of write(Buffer.of()).keys()) {
        const secret = Buffer.from(`a planted secret of form ${form} at ${at}, 5 words ⚓`);
        expect(taps.find(secret)).toEqual([]);
        taps.operator.publish("holdfast.account.planted.status", write(secret)[at]);
        const found = [
          { place: "operator", form },
          { place: "holder", form },
        ];
        await expect.poll(() => taps.find(secret)).toEqual(found);
      }
    }
    taps.holder.publish("planted", Buffer.from("code 71355."));
    const found = [{ place: "holder", form: "raw" }];
    await expect.poll(() => taps.find(Buffer.from("71355"))).toEqual(found);
  });

  it("sees an account log in and be renewed by codes and a 2FA password", async () => {
    const { account, phone } = { account: "new-desk", phone: `+${phones["new-desk"]}` };
    await control("/users", { firstName: "New", username: "new_desk", phone, password });
    await does(`add ${account} --kind user`, phone);
    await does(`auth ${account}`, "", 1);
    await asks(account, "code");
    await does(`code ${account}`, await loginCode("new_desk"));
    await asks(account, "password");
    const { question } = await status(account);
    await does(`answer ${account} --of ${question!.of} --kind password`, password);
    await isActive(account);
    await authKeyOf(account);
    await does(`renew ${account} --method code --id by-code --no-wait`);
    await asks(account, "code");
    await does(`answer ${account} --of by-code`, await loginCode("new_desk"));
    await asks(account, "password");
    await does(`answer ${account} --of by-code --kind password`, password);
    await until(account, ({ slot, renewal }) => slot === 2 && renewal === null);
    await authKeyOf(account);
    await does(`password ${account}`, password);
  }, 60_000);

  it("sees bots come, proxies change, a dead key be recovered and a session end", async () => {
    const { botToken } = await control<{ botToken: string }>("/users", {
      firstName: "Other",
      username: "other_bot",
      bot: true,
    });
    hide("bot token", botToken);
    hide("bot token's secret half", botToken.split(":")[1]!);
    await writeFile(join(home, "proxy.txt"), proxy, { mode: 0o600 });
    await does("add other-bot --kind bot", botToken);
    await does("auth other-bot");
    await authKeyOf("other-bot");
    await does("add far-desk --kind user --proxy-file proxy.txt", `+${phones["far-desk"]}`);
    await does("proxy other-bot", proxy);
    await does("proxy other-bot --none");
    await does("driver other-bot mtcute");
    await does("force other-bot");
    await isActive("other-bot");
    await does("pause other-bot");
    await does("resume other-bot");
    await does("drain other-bot");
    await does("resume other-bot");
    await isActive("other-bot");
    const { authorisations } = await control<{ authorisations: { authKeyId: string }[] }>(
      "/users/other_bot/authorisations",
    );
    await control("/faults", { kind: "kill-key", authKeyId: authorisations[0]!.authKeyId });
    await does("test other-bot", "", 1);
    await until("other-bot", ({ state }) => state === "quarantined");
    await does("recover other-bot");
    await authKeyOf("other-bot");
    await does("logout other-bot --yes");
    await does("token other-bot", botToken);
    await does("remove far-desk --yes");
  }, 60_000);

  it("sees a key be scanned in by a QR code, and another program's session come", async () => {
    const renewed = await person.follow(
      ["renew", "site-desk", "--method", "qr"],
      /login\?token=[\w-]+\s/,
      async (out) => {
        const token = /login\?token=([\w-]+)/.exec(out)![1]!;
        hide("QR token", Buffer.from(token, "base64url"));
        await control("/users/site_desk/login-tokens", { token });
        return "";
      },
    );
    expect(renewed).toMatchObject({ code: 0 });
    await authKeyOf("site-desk");
    const { dcId, key } = await authKeyOf("new-desk");
    await does("stop new-desk");
    await database.query(
      "update authorisations set key_id = null, session = null where account = 'new-desk'",
    );
    const session = Buffer.concat([Buffer.of(dcId, 149, 154, 167, 51, 1, 187), key]);
    const typed = `1${session.toString("base64")}\n${password}`;
    await does("import old-desk --from telethon --stopped", typed);
    await authKeyOf("old-desk");
    await does("password old-desk", password);
  }, 60_000);

  it("sees accounts used, looked at and moved to fresh keys, and the master key change", async () => {
    const { id } = await control<{ id: string }>("/users", { firstName: "Ann", username: "ann" });
    await control("/users/ann/send", { peer: "site_bot", text: "hello" });
    await control("/users", { firstName: "Ben", username: "ben" });
    const file = randomBytes(400_000);
    hide("a chat user's file", file.subarray(1000, 1100));
    hide("the end of a chat user's file", file.subarray(-100));
    const fileBase64 = file.toString("base64");
    await control("/users/ben/send", { peer: "site_bot", text: "", fileBase64 });
    const told = async () => JSON.stringify(await control("/users/ben/messages?peer=site_bot"));
    await expect.poll(told, { timeout: 20_000 }).toContain("read 400000 bytes");
    const { out } = await does(`call site-desk users.getUsers {"id":[{"_":"inputUserSelf"}]}`);
    // The caller reads what the wire hides.
    expect(out).toContain(exampleDesk.phone.slice(1));
    await does("send site-desk @ann hello");
    await does("history site-desk @ann");
    // Without a backup there is a fault.
    await does("doctor", "", 1);
    // Those that only look do so beside each other.
    await Promise.all([
      does("test site-desk"),
      does("status --json", "", 1),
      does("who"),
      does("bot site-desk host"),
      does("prove"),
      does("audit"),
      does("logs site-desk"),
      does("caller list"),
      does("migrate status"),
      does("migrate verify"),
      does("migrate backup before.dump"),
      does("backup first --with-key first-key"),
      does("verify", "", 1),
      does("nats-keys more-keys"),
      does("adopt-fleet", "", 1),
      does("init my-bot"),
      // Not every account is logged in here.
      does("setup --json", "", 1),
      does("hosts"),
      person.type(["metrics", "--json"]),
      does("sweep --dry-run"),
      does("shutdown", "", 2),
      does("migrate repair --yes"),
      does("adopt conversations --from nowhere.url --yes", "", 1),
      does("completion bash"),
      does("chat site-bot --as cleo", "hello\n"),
    ]);
    await does("restore first --yes", "", 1);
    const { key } = await authKeyOf("site-desk");
    await writeFile(join(home, "my.session"), key.toString("hex"), { mode: 0o600 });
    await does("check my.session", "", 1);
    await does("caller add ci --role read --accounts all");
    await does("caller revoke ci");
    const listed = await does("conversation list site-bot --json");
    const { sessions } = JSON.parse(listed.out) as { sessions: { id: string; chatUser: string }[] };
    const found = sessions.find(({ chatUser }) => chatUser === id);
    await does(`conversation show ${found!.id}`);
    await does(`conversation park ${found!.id}`);
    await does(`conversation reply ${found!.id} --key one`, "a person answers\n");
    await does(`conversation park ${found!.id} --back`);
    await does(`conversation replay ${found!.id} --session --bot bot.mjs`);
    await does("conversation replay 999999", "", 1);
    await does("forget 5999999999 --dry-run");
    await does("forget 5999999999 --yes");
    await does("retention --dry-run");
    await does("retention --json");
    await does("replies list");
    await does("replies resend 999999:2", "", 1);
    await does("replies drop 999999:2", "", 1);
    const version = /schema version (\d+)/.exec((await does("migrate up")).out)![1]!;
    await does(`migrate down ${version}`, "", 1);
    await does(`migrate down ${version} --yes`);
    for (const one of masterKeys()) hide(`master key ${one.toString("hex", 0, 2)}`, one);
    await does("rotate-key");
    for (const one of masterKeys()) hide(`master key ${one.toString("hex", 0, 2)}`, one);
    const code = loginCode("site_desk");
    await does("resume new-desk");
    await does("renew --all --because compromised");
    await code;
    for (const account of ["site-desk", "old-desk", "site-bot"]) await authKeyOf(account);
  }, 90_000);

  it("has seen every command that there is", () => {
    const names = commandNames();
    expect(names.length).toBeGreaterThan(35);
    expect(names.filter((name) => !person.typed().has(name)).toSorted()).toEqual(
      Object.keys(notTyped).toSorted(),
    );
  });

  it("has learnt no code, password, key, token or phone number from any of them (I7)", () => {
    hide("password", password);
    hide("proxy", proxy);
    hide("proxy's password", "px-pass-8814");
    hide("phone of site-desk", exampleDesk.phone.slice(1));
    for (const [account, phone] of Object.entries(phones)) hide(`phone of ${account}`, phone);
    const kinds = [...secrets.keys()].map((name) => name.split(" ")[0]);
    for (const [kind, atLeast] of [
      ["key", 8],
      ["code", 3],
      ["master", 2],
    ] as const) {
      const count = kinds.filter((one) => one === kind).length;
      expect({ kind, count: Math.min(count, atLeast) }).toEqual({ kind, count: atLeast });
    }
    const { operator, holder } = taps.read();
    expect(Math.min(operator, holder)).toBeGreaterThan(50_000);
    const leaks = [...secrets].flatMap(([name, secret]) =>
      taps.find(secret).map(({ place, form }) => `${name}: ${place}, ${form}`),
    );
    expect(leaks).toEqual([]);
  });
});
