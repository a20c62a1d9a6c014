import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSealKey } from "../../src/adapters/crypto/curve-seal.ts";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { openDatabase } from "../../src/adapters/postgres/database.ts";
import { control, controlOf } from "../../src/embedded/control-api.ts";
import { exampleDesk } from "../../src/embedded/provision.ts";
import { natsAccessOf } from "../../src/embedded/run-info.ts";
import { packageFile } from "../../src/files.ts";
import type { SealedText } from "../../src/ports/sealed-text.ts";
import { type AttackedService, attackedService } from "../fixtures/attacked-service.ts";
import { everythingIn } from "../fixtures/nats.ts";
import { findSecret } from "../fixtures/secret-search.ts";

const { account, username } = exampleDesk;

let service: AttackedService;
/** The operator's own. */
let nats: NatsConnection;
/** Hears all that gates and nodes say. */
let insider: NatsConnection;
/** All that one who hears the whole broker has heard. */
const heard: Buffer[] = [];

beforeAll(async () => {
  service = await attackedService();
  const run = service.running.run();
  nats = await connectNats(natsAccessOf(run, {}), "operator");
  insider = await connectNats(await everythingIn(service.home, run.nats), "insider");
  for (const hearing of [nats, insider])
    hearing.subscribe(">", {
      callback: (_error, message) => void heard.push(Buffer.from(message.data)),
    });
  await telegram("POST", "/users", { firstName: "Eve", username: "eve", phone: "+33199000001" });
}, 120_000);

afterAll(async () => {
  await nats?.close();
  await insider?.close();
  await service?.stop();
}, 60_000);

const telegram = <T>(method: "GET" | "POST", path: string, body?: unknown) =>
  control<T>(controlOf(service.running.run())!, method, path, body);

async function ask(verb: string, body: unknown): Promise<Readonly<Record<string, unknown>>> {
  const subject = `holdfast.account.${account}.${verb}`;
  return (await nats.request(subject, JSON.stringify(body), { timeout: 10_000 })).json();
}

const keysOf = async (user: string) =>
  (
    await telegram<{ authorisations: { authKeyId: string }[] }>(
      "GET",
      `/users/${user}/authorisations`,
    )
  ).authorisations.map(({ authKeyId }) => authKeyId);

interface Shown {
  readonly child: ChildProcess;
  readonly url: string;
  readonly token: Buffer;
  readonly ended: Promise<number | null>;
  out(): string;
}

/** The owner types a renewal by QR, and sees the code. */
async function shownToOwner(id: string): Promise<Shown> {
  const args = [packageFile("bin/holdfast.js"), "renew", account, "--method", "qr", "--id", id];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, HOLDFAST_HOME: service.home },
  });
  let out = "";
  child.stdout.on("data", (chunk) => (out += String(chunk)));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const found = () => /tg:\/\/login\?token=([\w-]+)/.exec(out);
  await expect.poll(found, { timeout: 20_000 }).not.toBeNull();
  const [url = "", token = ""] = found() ?? [];
  return { child, url, token: Buffer.from(token, "base64url"), ended, out: () => out };
}

const scan = (user: string, { token }: Shown) =>
  telegram("POST", `/users/${user}/login-tokens`, { token: token.toString("base64url") });

/** Everything that others than the one who asked can see of a login. */
async function seenByOthers(renewal: string): Promise<Record<string, Buffer>> {
  const { metrics, consoleToken, database: url } = service.running.run();
  const headers = { authorization: `Bearer ${consoleToken}` };
  const page = async (path: string) => {
    const shown = await (await fetch(new URL(path, metrics), { headers })).text();
    expect(shown).toContain(account);
    return Buffer.from(shown);
  };
  const answers = [
    await ask("status", {}),
    await ask("renewal", { id: renewal }),
    (await nats.request("holdfast.status", "{}", { timeout: 10_000 })).json(),
  ];
  const database = openDatabase(url);
  const rows: string[] = [];
  for (const table of ["lifecycle_events", "renewals", "renewal_steps", "accounts"]) {
    const found = await database.query<{ row: string }>(`select t::text as row from ${table} t`);
    rows.push(...found.map(({ row }) => row));
  }
  await database.close();
  const logs = join(service.home, "logs");
  return {
    "/status": await page("/status"),
    "/": await page("/"),
    answers: Buffer.from(JSON.stringify(answers)),
    broker: Buffer.concat(heard),
    rows: Buffer.from(rows.join("\n")),
    logs: Buffer.concat(readdirSync(logs).map((file) => readFileSync(join(logs, file)))),
  };
}

describe("a QR code that is shown to its owner", () => {
  it("is seen by no one else, and whose phone scans it all the same gets no account", async () => {
    const before = await keysOf(username);
    const shown = await shownToOwner("eve-scans");
    const places = await seenByOthers("eve-scans");
    expect(findSecret(shown.token, { here: Buffer.from(shown.url) })).not.toEqual([]);
    expect(findSecret(shown.token, places)).toEqual([]);
    for (const text of Object.values(places))
      expect(text.toString()).not.toMatch(/tg:\/\/login|token=/);
    await scan("eve", shown);
    expect(await shown.ended).toBe(1);
    expect(shown.out()).toContain("OTHER_ACCOUNT");
    expect(await keysOf(username)).toEqual(before);
    await expect.poll(() => keysOf("eve"), { timeout: 10_000 }).toEqual([]);
    expect((await service.holdfast("test", account)).code).toBe(0);
  });

  it("is not shown to a second caller who asks for the same renewal", async () => {
    const shown = await shownToOwner("asked-twice");
    const { publicKey, open } = createSealKey();
    const { sealed } = (await ask("renew", {
      id: "asked-twice",
      method: "qr",
      sealTo: publicKey,
    })) as { sealed: SealedText };
    expect(JSON.parse(open(sealed))).toMatchObject({ ok: true, known: true });
    const { question } = (await ask("renewal", { id: "asked-twice" })) as {
      question: { kind: string; sealedUrl: SealedText };
    };
    expect(question.kind).toBe("qr");
    expect(() => open(question.sealedUrl)).toThrow(
      expect.objectContaining({ code: "SEAL_UNREADABLE" }),
    );
    const second = spawn(
      process.execPath,
      [packageFile("bin/holdfast.js"), "renew", account, "--method", "qr", "--id", "asked-twice"],
      { env: { ...process.env, HOLDFAST_HOME: service.home } },
    );
    let seen = "";
    second.stdout.on("data", (chunk) => (seen += String(chunk)));
    await expect.poll(() => seen, { timeout: 20_000 }).toContain("where this was begun");
    await scan(username, shown);
    expect(await shown.ended).toBe(0);
    expect(seen).not.toContain("tg://login");
  });

  it("is asked for with a key to seal it to, or not at all", async () => {
    const refused = {
      ok: false,
      code: "SEAL_MISSING",
      next: expect.stringContaining("--method qr"),
    };
    expect(await ask("renew", { id: "no-key", method: "qr" })).toMatchObject(refused);
    expect(await ask("renew", { id: "no-key", method: "qr", sealTo: "XNONE" })).toMatchObject({
      ok: false,
      code: "SEAL_UNREADABLE",
    });
    const { code, err } = await service.holdfast("renew", account, "--method", "qr", "--no-wait");
    expect([code, err]).toEqual([1, expect.stringContaining("--no-wait ends that command")]);
    expect(await ask("renewal", { id: "no-key" })).toMatchObject({ renewal: null });
  });
});
