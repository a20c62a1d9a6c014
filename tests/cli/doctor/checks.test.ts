import { createServer } from "node:net";
import { chmodSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  type Check,
  exitCodeOf,
  findingJson,
  findingLine,
  ok,
  runChecks,
} from "../../../src/cli/doctor/check.ts";
import { postgresVersion } from "../../../src/cli/doctor/database-checks.ts";
import { disk, logs, modes, place, runFiles } from "../../../src/cli/doctor/home-checks.ts";
import { hosts, nodeVersion } from "../../../src/cli/doctor/host-checks.ts";
import { streams } from "../../../src/cli/doctor/nats-checks.ts";
import { dataCentres } from "../../../src/cli/doctor/reach-checks.ts";
import { credentials, masterKey } from "../../../src/cli/doctor/secret-checks.ts";
import { metrics, serving } from "../../../src/cli/doctor/verify-checks.ts";
import { heldKey } from "../../../src/cli/held-key.ts";
import { createBrokerKeys, issueUser } from "../../../src/adapters/nats/broker-keys.ts";
import { temporaryHome } from "../../fixtures/embedded/temporary-home.ts";
import { everything } from "../../fixtures/nats-user.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const faultWith = (next: RegExp) => ({ verdict: "fault", next: expect.stringMatching(next) });

function write(home: string, name: string, text: string, mode = 0o600): string {
  const file = join(home, name);
  mkdirSync(join(file, ".."), { recursive: true, mode: 0o700 });
  writeFileSync(file, text, { mode });
  chmodSync(file, mode);
  return file;
}

async function credsFile(home: string, expiresAtS?: number): Promise<string> {
  const keys = await createBrokerKeys([]);
  const user = { ...everything, ...(expiresAtS !== undefined && { expiresAtS }) };
  return write(home, "some.creds", (await issueUser(keys, user)).creds);
}

/** A process that has ended for sure: its start is none of any process. */
const gone = JSON.stringify({ pid: 2_000_000_000, startTime: "never" });

describe("a check of a home", () => {
  it("finds what other users can reach, and tells how to close it", async () => {
    const home = temporaryHome();
    expect(await modes(home).look()).toMatchObject({ verdict: "ok" });
    chmodSync(home, 0o755);
    const key = write(home, "master.key", "x", 0o644);
    const creds = write(home, "nats/node.creds", "x", 0o640);
    write(home, "postgres/anything", "x", 0o644);
    expect(await modes(home).look()).toMatchObject({
      verdict: "fault",
      next: `chmod 700 ${home} && chmod 600 ${key} && chmod 600 ${creds}`,
    });
  });

  it("finds a disk that is nearly full", async () => {
    const home = temporaryHome();
    expect(await disk(home, () => 2e9).look()).toMatchObject({ verdict: "ok" });
    expect(await disk(home, () => 1e6).look()).toMatchObject(faultWith(/^du -sh /));
  });

  it("finds logs that fill a disk", async () => {
    const home = temporaryHome();
    const file = write(home, "logs/gate.log", "");
    expect(await logs(home).look()).toMatchObject({ verdict: "ok" });
    truncateSync(file, 1024 ** 3 + 1);
    expect(await logs(home).look()).toMatchObject(faultWith(/^ls -lS /));
  });

  it("finds a home that is a copy of another machine's", async () => {
    const home = temporaryHome();
    mkdirSync(join(home, "postgres"));
    const then = { path: "/elsewhere", inode: "1", machineId: "0".repeat(32), device: "1" };
    write(home, "fleet.json", JSON.stringify({ fleet: "one", place: then }));
    expect(await place(home).look()).toMatchObject(faultWith(/npx holdfast adopt-fleet/));
  });

  it("finds what a killed launcher left, and nothing while it runs", async () => {
    const home = temporaryHome();
    const run = write(home, "run.json", JSON.stringify({ pids: { gate: 2_000_000_000 } }));
    const lock = write(home, "run/holdfast.lock", gone);
    expect(await runFiles(home).look()).toMatchObject({
      ...faultWith(/npx holdfast start/),
      what: `left by processes that are gone: ${run}, ${lock}`,
    });
    write(home, "run.json", JSON.stringify({ pids: { gate: process.pid } }));
    expect(await runFiles(home).look()).toMatchObject({
      what: `left by processes that are gone: ${lock}`,
    });
  });
});

describe("a check of secrets", () => {
  const keyCheck = (home: string) =>
    masterKey(
      () => heldKey({}, home),
      async () => [],
    ).look();

  it("finds a master key that others can read, and one that is none", async () => {
    const home = temporaryHome();
    write(home, "master.key", Buffer.alloc(32, 1).toString("base64"), 0o644);
    expect(await keyCheck(home)).toMatchObject(faultWith(/chmod 600 /));
    write(home, "master.key", "too short");
    expect(await keyCheck(home)).toMatchObject(faultWith(/32 bytes as base64 or hex/));
    write(home, "master.key", Buffer.alloc(32, 1).toString("base64"));
    expect(await keyCheck(home)).toMatchObject({ verdict: "ok" });
  });

  it("finds credentials that have expired, are open, are gone or are none", async () => {
    const home = temporaryHome();
    const file = await credsFile(home);
    expect(await credentials([file]).look()).toMatchObject({ verdict: "ok" });
    chmodSync(file, 0o604);
    expect(await credentials([file]).look()).toMatchObject(faultWith(/chmod 600 /));
    await credsFile(home, 1000);
    expect(await credentials([file]).look()).toMatchObject(faultWith(/operator of the fleet/));
    const garbage = write(home, "garbage.creds", "garbage");
    expect(await credentials([garbage]).look()).toMatchObject(faultWith(/HOLDFAST_NATS_/));
    expect(await credentials([join(home, "none")]).look()).toMatchObject(
      faultWith(/HOLDFAST_NATS_/),
    );
  });
});

describe("a check of versions", () => {
  it("finds a Node that is too old", async () => {
    expect(await nodeVersion("22.18.0").look()).toMatchObject({ verdict: "ok" });
    expect(await nodeVersion("22.17.9").look()).toMatchObject(faultWith(/Install Node 24/));
  });

  it("finds a PostgreSQL that is too old", async () => {
    const facts = { version: "12.1", versionNumber: 120_001 };
    const asked = { facts: async () => facts } as unknown as Parameters<typeof postgresVersion>[0];
    expect(await postgresVersion(asked).look()).toMatchObject(faultWith(/Upgrade the server/));
  });

  it("finds hosts of different versions or keys, and says where not all answer", async () => {
    const host = { host: "a", hosts: 2, version: "1.0.0", sealing: "k" };
    const of = (...told: readonly object[]) => hosts(async () => told, "1.0.0").look();
    expect(await of(host, { ...host, host: "b" })).toMatchObject({ verdict: "ok" });
    expect(await of(host, { ...host, host: "b", version: "0.9.0" })).toMatchObject({
      ...faultWith(/one version/),
      what: expect.stringContaining("b has 0.9.0"),
    });
    expect(await of(host, { ...host, sealing: "other" })).toMatchObject(
      faultWith(/npx holdfast rotate-key/),
    );
    expect(await of(host)).toMatchObject({ verdict: "unknown" });
    expect(await of()).toMatchObject({ verdict: "unknown" });
  });
});

describe("a check of streams", () => {
  const one = { name: "KV_HOLDFAST_HOSTS", replicas: 1, onDisk: true, lagging: 0, nowMs: null };
  const asked = (found: object, wanted: number) =>
    streams(
      {
        version: async () => "2.12.0",
        register: async () => null,
        streams: async () => [{ ...one, ...found }],
        replicas: async () => wanted,
      },
      temporaryHome(),
    ).look();

  it("finds fewer replicas than a cluster should keep, and replicas that are behind", async () => {
    expect(await asked({ replicas: 3 }, 3)).toMatchObject({ verdict: "ok" });
    expect(await asked({ replicas: 1 }, 3)).toMatchObject(
      faultWith(/^nats stream edit KV_HOLDFAST_HOSTS --replicas 3$/),
    );
    expect(await asked({ replicas: 3, lagging: 1 }, 3)).toMatchObject(faultWith(/nats server/));
  });
});

describe("a check of what is reached", () => {
  it("finds a data centre that does not answer", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const there = dataCentres(async () => [{ name: "DC 2", host: "127.0.0.1", port }]);
    expect(await there.look()).toMatchObject({ verdict: "ok" });
    await new Promise((resolve) => server.close(resolve));
    expect(await there.look()).toMatchObject({
      ...faultWith(/npx holdfast proxy/),
      what: expect.stringContaining(`DC 2 at 127.0.0.1:${port} (ECONNREFUSED)`),
    });
  });
});

describe("a verification", () => {
  it("finds an account that does not serve, and figures that are none", async () => {
    const well = new Set(["active"]);
    const accounts = [
      { name: "a", state: "active" },
      { name: "b", state: "quarantined" },
    ];
    expect(await serving(async () => accounts, well).look()).toMatchObject(
      faultWith(/npx holdfast status b/),
    );
    expect(await serving(async () => accounts.slice(0, 1), well).look()).toMatchObject({
      verdict: "ok",
    });
    const read = (text: string) =>
      metrics(
        async () => "http://here/metrics",
        async () => text,
      ).look();
    expect(await read('holdfast_turns_total{outcome="done"} 3\n')).toMatchObject({ verdict: "ok" });
    expect(await read("")).toMatchObject(faultWith(/npx holdfast logs/));
    expect(await read("holdfast_turns_total nothing\n")).toMatchObject(faultWith(/logs/));
  });
});

describe("the checks of a doctor", () => {
  const check = (name: string, look: Check["look"]): Check => ({ name, look });

  it("run beside each other, and one that hangs or breaks keeps no other back", async () => {
    const clock = createTestClock();
    const running = runChecks(
      [
        check("hangs", () => new Promise(() => {})),
        check("breaks", async () => {
          throw new Error("broken");
        }),
        check("throws at once", () => {
          throw new Error("at once");
        }),
        check("well", async () => ok("well")),
      ],
      { clock, boundMs: 5000 },
    );
    // Every other check has its answer by the next turn of the loop.
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(5000);
    const found = await running;
    expect(found.map(({ name, verdict }) => [name, verdict])).toEqual([
      ["hangs", "unknown"],
      ["breaks", "unknown"],
      ["throws at once", "unknown"],
      ["well", "ok"],
    ]);
    expect(exitCodeOf(found)).toBe(1);
    expect(exitCodeOf(found.slice(3))).toBe(0);
  });

  it("are told in one line each, and as JSON of one shape", () => {
    const fault = { verdict: "fault", what: "a\n b", why: "c", next: "d" } as const;
    expect(findingLine({ name: "disk", ...fault })).toBe("✘ disk         a b: c. Next: d");
    expect(findingJson({ name: "x", verdict: "unknown", why: "c", next: "d" })).toEqual({
      name: "x",
      verdict: "unknown",
      what: null,
      why: "c",
      next: "d",
      fix: null,
    });
  });
});
