import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it, onTestFinished } from "vitest";
import { openHome } from "../../src/embedded/home.ts";
import { startTimeOf, waitUntilGone } from "../../src/adapters/machine/process-identity.ts";
import { reap, writeRecord } from "../../src/embedded/process-records.ts";
import { startInHome } from "../fixtures/embedded/programs.ts";
import { anyRunning, leftovers, temporaryHome } from "../fixtures/embedded/temporary-home.ts";

const quiet = () => {};
const clock = { log: quiet, now: () => new Date("2026-01-02T03:04:05Z") };

/** A process that ends only when it is told to. */
function bystander() {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const pid = child.pid ?? 0;
  return { child, pid, startTime: startTimeOf(pid) ?? "" };
}

describe("reaping", () => {
  it("ends a process that a killed run has recorded, and removes its temporary folder", async () => {
    const home = temporaryHome();
    const { child, pid, startTime } = bystander();
    const folder = join(home, "socket-folder");
    mkdirSync(folder);
    const rest = { stopSignal: "SIGTERM", ports: [], dirs: [folder] } as const;
    writeRecord(home, { name: "part", pid, startTime, ...rest });
    const ended = once(child, "exit");
    const reaped = await reap(home, quiet);
    expect(await ended).toEqual([null, "SIGTERM"]);
    expect(reaped.map(({ name }) => name)).toEqual(["part"]);
    expect([existsSync(folder), leftovers(home)]).toEqual([false, []]);
  });

  it("spares a later process that was given the same number", async () => {
    const home = temporaryHome();
    const { child, pid } = bystander();
    const rest = { stopSignal: "SIGTERM", ports: [], dirs: [] } as const;
    writeRecord(home, { name: "part", pid, startTime: "another-boot:1", ...rest });
    expect(await reap(home, quiet)).toEqual([]);
    expect([child.exitCode, child.signalCode, leftovers(home)]).toEqual([null, null, []]);
  });
});

describe("a home", () => {
  it("is refused to a second start while the first runs, with who, since when and what to do", async () => {
    const home = temporaryHome();
    const held = await openHome(home, clock);
    await expect(openHome(home, clock)).rejects.toMatchObject({
      code: "HOME_IN_USE",
      line: `Holdfast already runs in ${home} (pid ${process.pid}, since 2026-01-02T03:04:05.000Z). Stop it with Ctrl-C there or with \`kill ${process.pid}\`, or name another folder in HOLDFAST_HOME.`,
    });
    held.release();
    const again = await openHome(home, clock);
    again.release();
    expect(leftovers(home)).toEqual([]);
  });

  it.each([
    ["at once", ["launcher"]],
    [
      "by the next start, when even the process that watches over it was killed",
      ["launcher", "sentinel"],
    ],
  ])("loses everything that a kill −9 of its run left behind, %s", async (_when, killed) => {
    const home = temporaryHome();
    const launcher = spawn(process.execPath, startInHome, {
      env: { ...process.env, HOLDFAST_HOME: home },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface({ input: launcher.stdout });
    const [line] = (await once(lines, "line")) as [string];
    const pids: Record<string, number> = JSON.parse(line.replace("ready ", ""));
    const parts = ["gate", "launcher", "nats", "node", "postgres", "sentinel", "telegram-dc"];
    expect(anyRunning(pids).toSorted()).toEqual(parts);
    const running = Object.entries(pids).map(([name, pid]) => {
      return { name, pid, startTime: startTimeOf(pid) ?? "" };
    });
    const ended = once(launcher, "exit");
    for (const name of killed.toReversed()) process.kill(pids[name] ?? 0, "SIGKILL");
    await ended;

    const hasWatcher = !killed.includes("sentinel");
    if (!hasWatcher) (await openHome(home, clock)).release();
    for (const each of running)
      expect([each.name, await waitUntilGone(each, 10_000)]).toEqual([each.name, true]);
    (await openHome(home, clock)).release();
    expect(leftovers(home)).toEqual([]);
  });
});
