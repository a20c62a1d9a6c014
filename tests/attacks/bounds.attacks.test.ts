import { randomBytes } from "node:crypto";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import {
  type AttackedService,
  asStranger,
  attackedService,
  canBeStranger,
} from "../fixtures/attacked-service.ts";

const masterKey = randomBytes(32).toString("base64");
let service: AttackedService;

beforeAll(async () => {
  service = await attackedService({ HOLDFAST_MASTER_KEY: masterKey });
}, 120_000);

afterAll(() => service.stop(), 60_000);

/** Takes a name as soon as it is free, and keeps it for 8 s. */
const takeLock = `
  import { createServer } from "node:net";
  const take = () => createServer().once("error", () => setTimeout(take, 2))
    .listen("\\0" + process.argv[1], () => { console.log("held"); setTimeout(() => process.exit(), 8_000); });
  take();
  setTimeout(() => process.exit(), 20_000);
`;

/** The name that every local user can read beside the gate's socket. */
function lockNameOf(pid: number): string {
  const sockets = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return "";
    }
  });
  const lines = readFileSync("/proc/net/unix", "latin1").split("\n");
  const found = lines.find(
    (line) =>
      line.includes("@holdfast-gate-") &&
      sockets.includes(`socket:[${line.trim().split(/\s+/)[6] ?? ""}]`),
  );
  return found?.slice(found.indexOf("@") + 1) ?? "";
}

describe.runIf(canBeStranger)("another local user", () => {
  it("cannot stop a host by taking the name of its lock", async () => {
    const { gate = 0 } = service.running.run().pids;
    const name = lockNameOf(gate);
    expect(name).toMatch(/^holdfast-gate-/);
    const stranger = asStranger(takeLock, name);
    const next = service.running.nextNode();
    process.kill(gate, "SIGKILL");
    const first = await Promise.race([
      next.then(() => "the gate serves"),
      stranger.then(() => "the stranger lets go"),
    ]);
    expect(first).toBe("the gate serves");
    expect(service.running.run().pids["gate"]).not.toBe(gate);
    expect((await stranger).out).toBe("held\n");
  }, 60_000);

  it("reads no secret from the arguments of the processes, nor their environments", async () => {
    const { out } = await asStranger(
      `import { readFileSync } from "node:fs";
       for (const pid of process.argv.slice(1)) {
         console.log(readFileSync("/proc/" + pid + "/cmdline", "utf8").replaceAll("\\0", " "));
         try { readFileSync("/proc/" + pid + "/environ"); console.log("ENVIRONMENT READ"); } catch {}
       }`,
      ...Object.values(service.running.run().pids).map(String),
    );
    expect(out).toContain("holdfast");
    expect(out).not.toContain("ENVIRONMENT READ");
    expect(out).not.toContain(masterKey);
    expect(out).not.toMatch(/:\/\/[^\s/]*:[^\s/]*@/);
  });

  it("reads no backup, wherever the operator puts it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-backup-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    chmodSync(folder, 0o755);
    const file = join(folder, "backup.dump");
    const { code, err } = await service.holdfast("migrate", "backup", file);
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(statSync(file).mode & 0o077).toBe(0);
    const { out } = await asStranger(
      `import { readFileSync } from "node:fs";
       try { readFileSync(process.argv[1]); console.log("read"); } catch (error) { console.log(error.code); }`,
      file,
    );
    expect(out).toBe("EACCES\n");
  });

  it("finds no inspector, whatever signal came", async () => {
    const { pids } = service.running.run();
    for (const name of ["gate", "node", "telegram-dc"]) process.kill(pids[name] ?? 0, "SIGUSR1");
    // Another program of the machine may have an inspector at the usual port: the processes' own words count.
    await asStranger(`await fetch("http://127.0.0.1:9229/json").catch(() => {});`);
    for (const log of ["gate.log", "telegram-dc.log"])
      expect(readFileSync(join(service.home, "logs", log), "utf8")).not.toContain(
        "Debugger listening",
      );
  });
});

describe("a child", () => {
  it.each(["nats", "postgres", "telegram-dc", "sentinel"])(
    "%s is told nothing of the keys and addresses of the others",
    (name) => {
      const pid = service.running.run().pids[name];
      expect(pid).toBeGreaterThan(0);
      expect(readFileSync(`/proc/${pid}/environ`, "latin1")).not.toMatch(/HOLDFAST_/);
    },
  );
});
