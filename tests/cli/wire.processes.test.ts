import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Running, startEmbedded } from "../../src/embedded/launcher.ts";
import { exampleDesk, provisionExampleAccounts } from "../../src/embedded/provision.ts";
import { packageFile } from "../../src/files.ts";
import { findSecret } from "../fixtures/secret-search.ts";

const secrets = {
  password: "correct horse ⚓ battery",
  proxy: "socks5://px-user:px-pass-8814@127.0.0.1:1080",
  phone: "33177000042",
  botToken: "5000000099:AAplanted-bot-token-of-the-wire",
  code: "a-code-73501",
  deskPhone: exampleDesk.phone.slice(1),
  // 256 bytes that no account uses.
  key: Buffer.from(Array.from({ length: 256 }, (_, at) => (at * 37 + 11) % 256)).toString("latin1"),
} as const;

let home: string;
let running: Running;
let nats: NatsConnection;
const wire: Buffer[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "holdfast-wire-"));
  const env = { ...process.env, HOLDFAST_HOME: home };
  running = await startEmbedded({ env, log: () => {}, provision: provisionExampleAccounts });
  nats = await connect({ servers: running.run().nats });
  nats.subscribe(">", {
    callback: (_error, message) =>
      void wire.push(Buffer.from(message.subject), Buffer.from(message.data)),
  });
  await nats.flush();
}, 120_000);

afterAll(async () => {
  await nats.close();
  await running.stop();
  await rm(home, { recursive: true, force: true });
}, 60_000);

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Types a command; `input` goes to its standard input. */
function holdfast(args: readonly string[], input = ""): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [packageFile("bin/holdfast.js"), ...args], {
      env: { ...process.env, HOLDFAST_HOME: home },
      cwd: home,
    });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk) => (out += String(chunk)));
    child.stderr.on("data", (chunk) => (err += String(chunk)));
    child.once("close", (code) => resolve({ code, out, err }));
    child.stdin.end(input);
  });
}

const keyOf = (text: string) => Buffer.from(text, "latin1");
const found = (secret: Uint8Array) => findSecret(secret, { wire: Buffer.concat(wire) });

describe("a reader of all of NATS", () => {
  it("would be seen to read a secret that is sent in the clear", async () => {
    nats.publish("planted", Buffer.from(JSON.stringify({ key: secrets.key })));
    nats.publish("planted", Buffer.from("here is 555000111222 in the clear"));
    await nats.flush();
    expect(found(Buffer.from("555000111222"))).toEqual([{ place: "wire", form: "raw" }]);
    wire.length = 0;
  });

  it("learns no code, password, key, token or phone number from the commands (I7)", async () => {
    const session = Buffer.concat([Buffer.of(2, 149, 154, 167, 51, 1, 187), keyOf(secrets.key)]);
    await writeFile(join(home, "proxy.txt"), secrets.proxy, { mode: 0o600 });
    const typed = [
      [["add", "other-bot", "--kind", "bot"], secrets.botToken],
      [["add", "other-desk", "--kind", "user", "--proxy-file", "proxy.txt"], `+${secrets.phone}`],
      [["password", "site-desk"], secrets.password],
      [["proxy", "other-desk"], secrets.proxy],
      [["answer", "site-desk", "--of", "nothing"], secrets.code],
      [["code", "site-desk"], secrets.code],
      [
        ["import", "old-desk", "--from", "gramjs", "--stopped", "--keep"],
        `1${session.toString("base64")}`,
      ],
      [["call", "site-desk", "users.getUsers", '{"id":[{"_":"inputUserSelf"}]}'], ""],
      [["history", "site-desk", "@site_bot"], ""],
      [["send", "site-desk", "@site_bot", "hello"], ""],
      [["status", "--json"], ""],
      [["who"], ""],
      [["test", "site-desk"], ""],
      [["conversation", "list"], ""],
      [["renew", "site-desk", "--safe"], ""],
      [["rotate-key"], ""],
    ] as const;
    const outcomes: Record<string, Ended> = {};
    for (const [args, input] of typed) {
      outcomes[args.slice(0, 2).join(" ")] = await holdfast(args, `${input}\n`);
    }
    for (const command of [
      "add other-bot",
      "add other-desk",
      "password site-desk",
      "proxy other-desk",
      "call site-desk",
      "send site-desk",
      "rotate-key",
    ]) {
      expect({ command, ...outcomes[command] }).toMatchObject({ code: 0 });
    }
    // The caller reads what the wire hides.
    expect(outcomes["call site-desk"]?.out).toContain(secrets.deskPhone);
    expect(wire.length).toBeGreaterThan(100);
    const master = Buffer.from(readFileSync(join(home, "master.key"), "utf8").trim(), "base64");
    const all = Object.entries(secrets).map(([name, text]) => {
      const bytes = name === "key" ? keyOf(text) : Buffer.from(text);
      return [name, bytes] as const;
    });
    for (const [name, secret] of [...all, ["master key", master] as const]) {
      expect({ name, found: found(secret) }).toEqual({ name, found: [] });
    }
  });

  it("is sent no secret by a script either: the request in the clear is refused, and nothing changes", async () => {
    const ask = async (verb: string, body: object) =>
      (await nats.request(`holdfast.account.site-desk.${verb}`, JSON.stringify(body))).json();
    const refused = { ok: false, code: "SEAL_MISSING" };
    expect(await ask("password", { password: "in the clear" })).toMatchObject(refused);
    expect(await ask("add", { phone: "+33177000043" })).toMatchObject(refused);
    expect(await ask("answer", { of: "x", value: "12345" })).toMatchObject(refused);
    const self = { method: "users.getUsers", params: { id: [{ _: "inputUserSelf" }] } };
    const answer = JSON.stringify(await ask("invoke", self));
    expect(answer).toContain('"ok":true');
    expect(answer).not.toContain(secrets.deskPhone);
  });

  it("does not reach the process list either: a secret among the arguments is refused (M1)", async () => {
    for (const args of [
      ["proxy", "site-desk", secrets.proxy],
      ["import", "old-desk", "1Ap".padEnd(353, "W"), "--from", "telethon", "--stopped"],
      ["check", "1Ap".padEnd(353, "W")],
      ["add", "third-bot", secrets.botToken, "--kind", "bot"],
    ]) {
      const { code, err } = await holdfast(args);
      expect({ args: args[0], code, err }).toMatchObject({
        code: 1,
        err: expect.stringContaining("process list"),
      });
      expect(err).not.toContain(
        args.at(-1)!.slice(0, 80) === "bot" ? secrets.botToken : "WWWWWWWW",
      );
    }
  });
});
