import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { createSystemClock } from "../../src/concurrency/system-clock.ts";
import { packageFile, turnFlags } from "../../src/files.ts";
import { createSupervisor, type Supervisor } from "../../src/gate/supervisor.ts";

const double = fileURLToPath(new URL("../fixtures/gate/node-double.mjs", import.meta.url));
const stopMsMax = 5000;
/** The pauses between two starts pass a hundred times as fast. */
const clock = createSystemClock();
const hurried = {
  ...clock,
  schedule: (ms: number, task: () => void) => clock.schedule(ms / 100, task),
};

describe("the supervisor of a node", () => {
  const running: Supervisor[] = [];
  afterEach(() => Promise.all(running.splice(0).map((one) => one.stop(stopMsMax))));

  /** Supervises a double; `next` resolves with the pid of each node as it comes to serve. */
  function supervise({ modulePath = double, hangMs = 6_000_000 } = {}) {
    const faults: Error[] = [];
    const hung: number[] = [];
    const failures: string[] = [];
    let served: (pid: number) => void = () => {};
    let gone = 0;
    const supervisor = createSupervisor({
      modulePath,
      env: process.env,
      clock: hurried,
      introduction: { path: "/nowhere", incarnation: "i", host: "h", identity: null },
      httpPort: 0,
      hangMs,
      onHang: (pid) => hung.push(pid),
      onGone: () => Promise.resolve((gone += 1)),
      onReady: (_http, pid) => served(pid),
      onRespawn: (pid) => served(pid),
      onServing: () => {},
      onLetGo: () => {},
      onEnd: () => {},
      onShown: () => {},
      onFault: (error) => faults.push(error),
      onFailed: (message) => failures.push(message),
    });
    running.push(supervisor);
    const next = () => new Promise<number>((resolve) => (served = resolve));
    return { supervisor, next, faults, hung, failures, gone: () => gone };
  }

  it("begins another node when one ends, under another secret", async () => {
    const { supervisor, next, gone } = supervise();
    const first = next();
    supervisor.start();
    const pid = await first;
    const secret = supervisor.secret();
    const second = next();
    process.kill(pid, "SIGKILL");
    expect(await second).not.toBe(pid);
    expect(supervisor.secret()).not.toBe(secret);
    expect(gone()).toBe(1);
  });

  it("begins a node with the young memory that turns need, as the benches have it", async () => {
    const { supervisor, next } = supervise();
    const served = next();
    supervisor.start();
    const said = readFileSync(`/proc/${await served}/cmdline`, "utf8").split("\0");
    expect(said).toEqual(expect.arrayContaining([...turnFlags]));
    const { scripts } = JSON.parse(readFileSync(packageFile("package.json"), "utf8"));
    expect(scripts.bench.split(" ")).toEqual(expect.arrayContaining([...turnFlags]));
  });

  it("survives a message to a node that has just died", async () => {
    const { supervisor, next, gone } = supervise();
    const first = next();
    supervisor.start();
    process.kill(await first, "SIGKILL");
    // It is gone before this process comes to hear of it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    await supervisor.stop(stopMsMax);
    expect(gone()).toBe(1);
  });

  it("gives a node up that never comes to serve, and says so", async () => {
    const broken = fileURLToPath(new URL("../fixtures/gate/broken-node.mjs", import.meta.url));
    const { supervisor, failures, gone } = supervise({ modulePath: broken });
    supervisor.start();
    await expect.poll(() => failures, { timeout: 20_000 }).toHaveLength(1);
    expect(failures[0]).toContain("ended 5 times before it served");
    expect(gone()).toBe(5);
  });

  it("ends a node that hangs, and begins another", async () => {
    const { supervisor, next, hung } = supervise({ hangMs: 20_000 });
    const first = next();
    supervisor.start();
    const pid = await first;
    const second = next();
    process.kill(pid, "SIGSTOP");
    expect(await second).not.toBe(pid);
    expect(hung).toEqual([pid]);
  });
});
