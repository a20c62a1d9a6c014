import { chmodSync, copyFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createUser } from "@nats-io/nkeys";
import { beforeEach, describe, expect, inject, it, onTestFinished } from "vitest";
import { connectNats } from "../../../src/adapters/nats/connection.ts";
import { issueUser } from "../../../src/adapters/nats/broker-keys.ts";
import { identityOfCreds, type NatsAccess } from "../../../src/config/nats-access.ts";
import { startNats } from "../../../src/embedded/nats.ts";
import { openBrokerFolder, revokeUser } from "../../../src/embedded/nats-keys.ts";
import { startOwnNats } from "../../fixtures/embedded/own-nats.ts";
import { temporaryHome } from "../../fixtures/embedded/temporary-home.ts";
import { testNats } from "../../fixtures/nats.ts";
import { everything } from "../../fixtures/nats-user.ts";

let home: string;
beforeEach(() => {
  home = temporaryHome();
});

const certificate = (name: string) =>
  fileURLToPath(new URL(`../../fixtures/certificates/${name}`, import.meta.url));

function secretFile(text: string, mode = 0o600): string {
  const file = join(home, `secret-${mode}`);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

async function outcome(access: Partial<NatsAccess>): Promise<string> {
  const whole = { ...identityOfCreds(null), url: inject("natsUrl"), ...access };
  const nats = await connectNats(whole, "test").catch((error: unknown) => error);
  if (nats instanceof Error) return "code" in nats ? `${String(nats.code)} ${nats.message}` : "?";
  const connection = nats as Awaited<ReturnType<typeof connectNats>>;
  await connection.flush();
  await connection.close();
  return "connected";
}

describe("a connection to NATS", () => {
  it("shows the credentials of a file", async () => {
    expect(await outcome(testNats())).toBe("connected");
  });

  it("says that credentials are asked for and none are given", async () => {
    expect(await outcome({})).toMatch(/^NATS_REFUSED NATS at \S+ asks for credentials/);
  });

  it("names the user that the server refuses", async () => {
    const other = await openBrokerFolder(join(home, "another"));
    expect(await outcome({ credsFile: other.credsFile("gate") })).toMatch(
      /^NATS_REFUSED .* refuses "gate" of .*gate\.creds: unknown there, wrong, or revoked/,
    );
  });

  it("names the time at which credentials expired, without asking the server", async () => {
    const { keys } = await openBrokerFolder(join(home, "another"));
    const { creds } = await issueUser(keys, { ...everything, expiresAtS: 1_700_000_000 });
    expect(await outcome({ credsFile: secretFile(creds) })).toMatch(
      /^NATS_CREDENTIALS_EXPIRED .*"tests" in .* expired at 2023-11-14T22:13:20/,
    );
  });

  it.each([
    ["is missing", "NATS_KEY_UNREADABLE", () => join(home, "nowhere.creds")],
    ["holds something else", "NATS_KEY_BROKEN", () => secretFile("hello")],
    ["is open to the group", "NATS_KEY_EXPOSED", () => secretFile("hello", 0o640)],
    ["is open to all", "NATS_KEY_EXPOSED", () => secretFile("hello", 0o604)],
  ])("refuses a file of credentials that %s", async (_case, code, file) => {
    const said = await outcome({ credsFile: file() });
    expect(said).toContain(code);
    expect(said).not.toContain("hello");
  });

  it("shows a user and a password, of the variables or of the URL, and prints neither password", async () => {
    const port = await startOwnNats('authorization { user: ann, password: "s3cret" }');
    const url = `nats://127.0.0.1:${port}`;
    const wrong = `nats://ann:wr0ng@127.0.0.1:${port}`;
    const passwordFile = secretFile("s3cret\n");
    expect(await outcome({ url, user: "ann", passwordFile })).toBe("connected");
    expect(await outcome({ url: `nats://ann:s3cret@127.0.0.1:${port}` })).toBe("connected");
    const refusal = await outcome({ url: wrong });
    expect(refusal).toMatch(/^NATS_REFUSED .* refuses user "ann"/);
    expect(refusal).not.toContain("wr0ng");
    expect(await outcome({ url: "nats://ann:wr0ng@127.0.0.1:9" })).toBe(
      "NATS_UNAVAILABLE NATS does not answer at nats://127.0.0.1:9.",
    );
  });

  it("shows an nkey", async () => {
    const key = createUser();
    const port = await startOwnNats(`authorization { users: [{ nkey: ${key.getPublicKey()} }] }`);
    const nkeyFile = secretFile(Buffer.from(key.getSeed()).toString());
    expect(await outcome({ url: `nats://127.0.0.1:${port}`, nkeyFile })).toBe("connected");
  });

  it("refuses a server that asks for nothing where that must not be", async () => {
    const url = `nats://127.0.0.1:${await startOwnNats("")}`;
    expect(await outcome({ url })).toBe("connected");
    expect(await outcome({ url, mustAsk: true })).toMatch(/^NATS_OPEN /);
    expect(await outcome({ ...testNats(), mustAsk: true })).toBe("connected");
  });
});

/** A server without TLS that keeps all that it is sent. */
async function startPlain(): Promise<{ readonly port: number; heard(): string }> {
  let heard = "";
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => (heard += String(chunk)));
    socket.write(`INFO {"server_id":"x","version":"2.12.0","max_payload":1048576}\r\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as { port: number }).port, heard: () => heard };
}

describe("an encrypted connection to NATS", () => {
  const tls = (cert: string, more = "") =>
    startOwnNats(`tls { cert_file: "${certificate(cert)}", key_file: "${certificate("server.key")}"
      ${more} }`);
  const caFile = certificate("ca.pem");

  it("is made where the URL or a certificate asks for it", async () => {
    const port = await tls("server.pem");
    expect(await outcome({ url: `tls://localhost:${port}`, caFile })).toBe("connected");
    expect(await outcome({ url: `nats://localhost:${port}`, caFile })).toBe("connected");
  });

  it("shows this client's own certificate", async () => {
    const port = await tls("server.pem", `ca_file: "${caFile}", verify: true`);
    const keyFile = join(home, "client.key");
    copyFileSync(certificate("client.key"), keyFile);
    chmodSync(keyFile, 0o600);
    const access = { url: `tls://localhost:${port}`, caFile };
    const certFile = certificate("client.pem");
    expect(await outcome({ ...access, certFile, keyFile, mustAsk: true })).toBe("connected");
    expect(await outcome(access)).toMatch(/^NATS_(?:CERTIFICATE|UNAVAILABLE)/);
  });

  it.each([
    ["tls:// in the URL", "tls", null],
    ["a certificate", "nats", caFile],
  ])(
    "says nothing in the clear after %s, though the server offers no encryption",
    async (_, scheme, ca) => {
      const { port, heard } = await startPlain();
      const access = { url: `${scheme}://ann:s3cret@127.0.0.1:${port}`, caFile: ca };
      expect(await outcome(access)).toMatch(/^NATS_NOT_ENCRYPTED .*nothing was sent/);
      expect(heard()).toBe("");
    },
  );

  it("names an expired certificate, and one that it does not know", async () => {
    const expired = await tls("expired.pem");
    expect(await outcome({ url: `tls://localhost:${expired}`, caFile })).toMatch(
      /^NATS_CERTIFICATE_EXPIRED /,
    );
    const unknown = await tls("server.pem");
    expect(await outcome({ url: `tls://localhost:${unknown}` })).toMatch(/^NATS_CERTIFICATE /);
  });
});

describe("a list of servers", () => {
  /** A port of this machine where nothing listens any more. */
  async function deadPort(): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }

  // The library tries them in any order.
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "is used while one of it is up, also by what connects once (%i)",
    async () => {
      const { url, ...who } = testNats();
      const dead = `nats://127.0.0.1:${await deadPort()}`;
      for (const list of [`${dead},${url}`, `${url},${dead}`]) {
        const nats = await connectNats({ ...who, url: list }, "test", { comesBack: false });
        expect(nats.getServer()).toBe(new URL(url).host);
        await nats.close();
      }
    },
  );

  it("is named where none of it is up, to what connects once", async () => {
    const url = `nats://127.0.0.1:${await deadPort()},nats://127.0.0.1:${await deadPort()}`;
    await expect(
      connectNats({ ...testNats(), url }, "test", { comesBack: false }),
    ).rejects.toMatchObject({ code: "NATS_UNAVAILABLE" });
  });
});

describe("a revoked user", () => {
  it("is cut at once when the server reads its configuration again, and not let in any more", async () => {
    const options = { home, log: () => {}, endsWithParent: true, syncAlways: false };
    const server = await startNats(options);
    onTestFinished(() => server.stop());
    const folder = join(home, "nats");
    const { keys } = await openBrokerFolder(folder);
    const ann = await issueUser(keys, { ...everything, name: "ann", account: "CALLERS" });
    const access = { ...identityOfCreds(secretFile(ann.creds)), url: server.url };
    const nats = await connectNats(access, "ann", { comesBack: false });
    await revokeUser(folder, ann.publicKey, Date.now());
    process.kill(server.pid, "SIGHUP");
    await nats.closed();
    expect(await outcome(access)).toMatch(/^NATS_REFUSED .* refuses "ann"/);
    expect(await outcome(server.access("operator"))).toBe("connected");
  });
});
