import { createHash, createPublicKey, generatePrimeSync } from "node:crypto";
import { readFileSync } from "node:fs";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askSealKey, requestSealed } from "../../src/adapters/crypto/sealed-request.ts";
import { connectNats } from "../../src/adapters/nats/connection.ts";
import { control, controlOf } from "../../src/embedded/control-api.ts";
import { natsAccessOf } from "../../src/embedded/run-info.ts";
import type { DriverName } from "../../src/ports/telegram/telegram.ts";
import { type AttackedService, attackedService } from "../fixtures/attacked-service.ts";
import { startEvilProxy } from "../fixtures/evil-proxy.ts";
import { type EvilTelegram, resPqFrame, startEvilTelegram } from "../fixtures/evil-telegram.ts";

let service: AttackedService;
let nats: NatsConnection;

beforeAll(async () => {
  service = await attackedService();
  nats = await connectNats(natsAccessOf(service.running.run(), {}), "operator");
}, 120_000);

afterAll(async () => {
  await nats?.close();
  await service?.stop();
}, 60_000);

type Answer = Readonly<Record<string, unknown>>;

async function ask(account: string, verb: string, body: unknown = {}): Promise<Answer> {
  const subject = `holdfast.account.${account}.${verb}`;
  const request = { subject, body, timeoutMs: 10_000 };
  return (await requestSealed(nats, await askSealKey(nats, 2_000), request)) as Answer;
}

interface Status {
  readonly state: string;
  readonly reason: { readonly code: string; readonly message: string } | null;
}

const statusOf = async (account: string) => (await ask(account, "status"))["account"] as Status;

const nodeKib = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

/** Adds a bot of its own behind the proxy and asks it to log in, as an operator does. */
async function addBehind(proxy: string, account: string, driver: DriverName): Promise<void> {
  const access = controlOf(service.running.run())!;
  const user = { firstName: account, username: account.replaceAll("-", "_"), bot: true };
  const { botToken } = await control<{ botToken: string }>(access, "POST", "/users", user);
  expect(await ask(account, "add", { botToken, driver, proxy })).toMatchObject({ ok: true });
  await ask(account, "login").catch(() => undefined);
}

/** The longest wait for an answer of Telegram through the accounts that do not use the proxy, in milliseconds. */
async function longestWait(isOver: () => Promise<boolean>): Promise<number> {
  let longestMs = 0;
  do {
    for (const account of ["site-bot", "site-desk"]) {
      const beganMs = performance.now();
      expect(await ask(account, "invoke", { method: "help.getConfig" })).toMatchObject({
        ok: true,
      });
      longestMs = Math.max(longestMs, performance.now() - beganMs);
    }
  } while (!(await isOver()));
  return longestMs;
}

const attackMs = 1_500;
const bounds = { waitMs: 2_000, kib: 200 * 1024 };

/** Of the data centre's public key, without which the client would not even look at `pq`. */
function fingerprint(): bigint {
  const { gate } = service.running.run().pids;
  const variables = readFileSync(`/proc/${gate}/environ`, "utf8").split("\0");
  const name = "HOLDFAST_TELEGRAM_DC=";
  const dataCentre = variables.find((one) => one.startsWith(name))!.slice(name.length);
  const { publicKeyPem } = JSON.parse(dataCentre) as { publicKeyPem: string };
  const { n, e } = createPublicKey(publicKeyPem).export({ format: "jwk" });
  const modulus = Buffer.from(n!, "base64url");
  const exponent = Buffer.from(e!, "base64url");
  const long = Buffer.from([0xfe, modulus.length & 0xff, modulus.length >> 8, 0]);
  const encoded = Buffer.concat([long, modulus, Buffer.of(exponent.length), exponent]);
  return createHash("sha1").update(encoded).digest().readBigInt64LE(12);
}

/** No search finds its factors. */
const product = generatePrimeSync(128, { bigint: true }) * generatePrimeSync(128, { bigint: true });
const pq = Buffer.from(product.toString(16).padStart(64, "0"), "hex");
const hugePq = (nonce: Uint8Array) => resPqFrame(nonce, pq, fingerprint());

describe("a proxy that lies", () => {
  it.each([
    ["answers with a huge pq", "evil-pq", "mtcute", hugePq],
    ["answers with a huge pq", "evil-pq-2", "telegram", hugePq],
    ["announces two gigabytes and floods", "evil-flood", "mtcute", "flood"],
    ["announces two gigabytes and floods", "evil-flood-2", "telegram", "flood"],
    ["says nothing in the key exchange", "evil-stall", "mtcute", null],
  ] as const)(
    "costs the account behind it alone: it %s (%s by %s)",
    async (_what, account, driver, answer) => {
      const { node = 0 } = service.running.run().pids;
      const before = nodeKib(node);
      const evil: EvilTelegram | null = answer === null ? null : await startEvilTelegram(answer);
      const proxy = await startEvilProxy(evil);
      await addBehind(proxy.url, account, driver);
      const untilMs = performance.now() + attackMs;
      const waitedMs = await longestWait(async () => performance.now() > untilMs);
      const after = nodeKib(node);
      expect(waitedMs).toBeLessThan(bounds.waitMs);
      expect(after - before).toBeLessThan(bounds.kib);
      expect(service.running.run().pids["node"]).toBe(node);
      // It was reached, and it alone waits.
      expect(proxy.wires).toBeGreaterThan(0);
      expect((await statusOf(account)).state).toBe("unauthorised.authorising");
    },
  );

  it("leaves the others as they were", async () => {
    for (const account of ["site-bot", "site-desk"])
      expect(await statusOf(account)).toMatchObject({ state: "active", reason: null });
  });
});
