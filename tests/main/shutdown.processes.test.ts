import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDatabase } from "../../src/adapters/postgres/database.ts";
import type { ShutdownReport } from "../../src/cli/shutdown.ts";
import { endRecorded } from "../../src/embedded/process-records.ts";
import type { RunInfo } from "../../src/embedded/run-info.ts";
import { packageFile } from "../../src/files.ts";
import { anyRunning, leftovers } from "../fixtures/embedded/temporary-home.ts";

const bin = packageFile("bin/holdfast.js");

let home: string;
const started: ChildProcess[] = [];
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "holdfast-shutdown-"));
});
afterAll(async () => {
  for (const child of started) child.kill("SIGTERM");
  await Promise.all(started.map(ended));
  // Where the last test failed, a killed launcher's processes are left.
  await endRecorded(home, () => {});
  rmSync(home, { recursive: true, force: true });
}, 60_000);

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once("exit", () => resolve()));

const spawned = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [bin, ...args], {
    env: { ...process.env, HOLDFAST_HOME: home },
    stdio: ["pipe", "pipe", "pipe"],
  });

async function holdfast(...args: string[]) {
  const child = spawned(...args);
  child.stdin?.end();
  let [out, err] = ["", ""];
  child.stdout?.on("data", (chunk) => (out += String(chunk)));
  child.stderr?.on("data", (chunk) => (err += String(chunk)));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, out, err };
}

const runInfo = () => JSON.parse(readFileSync(join(home, "run.json"), "utf8")) as RunInfo;

function start(): { readonly child: ChildProcess; readonly said: () => string } {
  const child = spawned("start");
  started.push(child);
  let said = "";
  child.stdout?.on("data", (chunk) => (said += String(chunk)));
  child.stderr?.on("data", (chunk) => (said += String(chunk)));
  return { child, said: () => said };
}

async function startReady() {
  const { child, said } = start();
  await expect.poll(said, { timeout: 60_000 }).toContain("holdfast ready");
  return child;
}

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);

describe("a shutdown", () => {
  it("asks first, leaves a renewal alone, then stops, verifies, sweeps and reports", async () => {
    const child = await startReady();
    const { pids, database: url } = runInfo();
    const unasked = await holdfast("shutdown");
    expect([unasked.code, unasked.out]).toEqual([2, ""]);
    expect(unasked.err).toContain("npx holdfast shutdown --yes");

    const renewal = spawned("renew", "site-desk", "--method", "code");
    started.push(renewal);
    let told = "";
    renewal.stdout?.on("data", (chunk) => (told += String(chunk)));
    await expect.poll(() => told, { timeout: 20_000 }).toContain("1/7");
    const refused = await holdfast("shutdown", "--yes");
    expect([refused.code, refused.out]).toEqual([1, ""]);
    expect(refused.err).toMatch(
      /^holdfast: site-desk is being renewed; nothing was stopped\..*\n$/,
    );
    expect(anyRunning(pids)).toHaveLength(Object.keys(pids).length);
    renewal.kill("SIGKILL");

    const database = openDatabase(url, { poolMax: 1 });
    await database.query(
      `insert into conversation_sessions (channel, account, chat_user, last_turn_at)
       values ('telegram', 'site-bot', '7', now() - interval '25 hours')`,
    );
    await database.query(
      `insert into telegram_waits (account, method, code, until)
       values ('site-bot', 'help.getConfig', 'FLOOD_WAIT', now() - interval '9 minutes')`,
    );
    await database.close();
    const old = join(home, "logs", "gate.20251129T080000000Z.log");
    writeFileSync(old, "twelve bytes");
    utimesSync(old, minutesAgo(8 * 24 * 60), minutesAgo(8 * 24 * 60));
    const key = readFileSync(join(home, "master.key"), "utf8");

    const { code, out, err } = await holdfast("shutdown", "--yes", "--force", "--json");
    expect(code).toBe(0);
    for (const step of [1, 2, 3, 4, 5]) expect(err).toContain(`${step}/5 `);
    const report = JSON.parse(out) as ShutdownReport;
    expect(report.stopped).toBe(true);
    const { removed, total, preserved } = report.sweep;
    expect(removed.filter(({ count }) => count > 0)).toEqual([
      { kind: "logs", count: 1, bytes: 12, names: ["logs/gate.20251129T080000000Z.log"] },
      expect.objectContaining({ kind: "cache", count: 1 }),
      expect.objectContaining({ kind: "sessions", count: 1, bytes: 0 }),
    ]);
    expect(total.count).toBe(3);
    expect(existsSync(old)).toBe(false);
    expect(preserved.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["master.key", "journal/", "postgres/", "nats/"]),
    );
    expect(report.verified.map(({ what, well }) => [what, well]).slice(0, 2)).toEqual([
      ["processes", true],
      ["sockets", true],
    ]);
    expect(report.next).toContain("start again: npx holdfast start");
    await ended(child);
    expect(anyRunning(pids)).toEqual([]);
    // Of the gate that was cut by force: its lock is younger than 5 minutes, and told.
    expect(leftovers(home)).toEqual(["run/gate.lock"]);
    expect(preserved).toContainEqual({ name: "run/gate.lock", why: "younger than 5 minutes" });
    expect(readFileSync(join(home, "master.key"), "utf8")).toBe(key);
  }, 150_000);

  it("a second time says that nothing ran, and changes nothing", async () => {
    const files = () => readdirSync(home, { recursive: true, encoding: "utf8" }).toSorted();
    const before = files();
    const { code, out } = await holdfast("shutdown", "--yes");
    expect(code).toBe(0);
    expect(out).toContain(`Nothing ran in ${home}.`);
    expect(out).toMatch(/\n {2}total +0 +0 B\n/);
    expect(files()).toEqual(before);
  }, 60_000);

  it("during a start refuses, and ends the start by force", async () => {
    const { child } = start();
    await expect
      .poll(() => existsSync(join(home, "run", "sentinel.process.json")), {
        timeout: 30_000,
        interval: 5,
      })
      .toBe(true);
    child.kill("SIGSTOP");
    const refused = await holdfast("shutdown", "--yes");
    child.kill("SIGCONT");
    expect([refused.code, refused.out]).toEqual([1, ""]);
    expect(refused.err).toMatch(
      /^holdfast: A start is under way in .*; nothing was stopped\..*\n$/,
    );
    const forced = await holdfast("shutdown", "--yes", "--force");
    expect(forced.code).toBe(0);
    await ended(child);
    expect(leftovers(home)).toEqual([]);
  }, 90_000);

  it("after kill -9 of the launcher and of its sentinel ends what they have left", async () => {
    const child = await startReady();
    const { pids } = runInfo();
    process.kill(pids["sentinel"]!, "SIGKILL");
    child.kill("SIGKILL");
    await ended(child);
    expect(anyRunning(pids)).toContain("gate");
    const { code, out, err } = await holdfast("shutdown", "--yes");
    expect(err).toContain("that a killed run had left");
    expect(code).toBe(0);
    expect(out).toContain("Verified:");
    expect(anyRunning(pids)).toEqual([]);
  }, 90_000);
});
