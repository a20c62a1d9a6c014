import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { hostLockName, takeHostLock } from "../../../src/adapters/machine/host-lock.ts";
import { ownIdentity } from "../../../src/adapters/machine/process-identity.ts";

const fleet = {
  databaseUrl: "postgres://holdfast:secret@db:5432/holdfast",
  host: `h${process.pid}`,
};

function lock(options: Partial<Parameters<typeof takeHostLock>[0]> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-lock-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const heard: string[] = [];
  const all = {
    name: hostLockName(fleet),
    host: fleet.host,
    file: join(folder, "gate.lock"),
    waitMs: 100,
    onWait: () => heard.push("wait"),
    onStranger: () => heard.push("stranger"),
    ...options,
  };
  return { take: () => takeHostLock(all), heard, file: all.file };
}

/** Takes an abstract name as another user, for the rest of the test. */
async function strangerTakes(name: string): Promise<void> {
  const module = `require("node:net").createServer().listen("\\0${name}", () => console.log("held"))`;
  const child = spawn(process.execPath, ["--eval", module], {
    uid: 65_534,
    gid: 65_534,
    cwd: "/",
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(async () => {
    child.kill();
    await once(child, "exit");
  });
  await once(child.stdout, "data");
}

describe("the host's lock", () => {
  it("has a name that no password goes into", () => {
    const other = { ...fleet, databaseUrl: "postgres://holdfast:guess@db:5432/holdfast" };
    expect(hostLockName(other)).toBe(hostLockName(fleet));
    const elsewhere = { ...fleet, databaseUrl: "postgres://holdfast:secret@db2:5432/holdfast" };
    expect(hostLockName(elsewhere)).not.toBe(hostLockName(fleet));
    const schema = { ...fleet, databaseUrl: `${fleet.databaseUrl}?options=-csearch_path%3Dtwo` };
    expect(hostLockName(schema)).not.toBe(hostLockName(fleet));
    expect(hostLockName({ ...fleet, host: "other" })).not.toBe(hostLockName(fleet));
  });

  it("is refused while another gate of the same home runs, and free when that has ended", async () => {
    const child = spawn("sleep", ["60"]);
    const { take, heard, file } = lock();
    const { startTimeOf } = await import("../../../src/adapters/machine/process-identity.ts");
    writeFileSync(file, JSON.stringify({ pid: child.pid, startTime: startTimeOf(child.pid!) }));
    await expect(take()).rejects.toMatchObject({ code: "HOST_LOCKED" });
    expect(heard).toEqual(["wait"]);
    child.kill();
    await once(child, "exit");
    const { free, holdsName } = await take();
    expect(holdsName).toBe(true);
    free();
    expect(existsSync(file)).toBe(false);
  });

  it("is refused while a gate of another home of this user runs", async () => {
    const server = createServer().listen(`\0${hostLockName(fleet)}`);
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { take, heard } = lock();
    await expect(take()).rejects.toMatchObject({ code: "HOST_LOCKED" });
    expect(heard).toEqual(["wait"]);
  });

  it.runIf(process.getuid?.() === 0)("is not another user's to keep", async () => {
    const { take, heard } = lock();
    await strangerTakes(hostLockName(fleet));
    const { free, holdsName } = await take();
    expect(heard).toEqual(["stranger"]);
    expect(holdsName).toBe(false);
    free();
  });

  it("passes over a file whose process number now belongs to another process", async () => {
    const { take, heard, file } = lock();
    writeFileSync(file, JSON.stringify({ ...ownIdentity(), startTime: "earlier" }));
    const { free } = await take();
    expect(heard).toEqual([]);
    free();
  });
});
