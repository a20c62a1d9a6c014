import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { removeStaleLocks } from "../../src/embedded/postgres-locks.ts";
import { temporaryHome } from "../fixtures/embedded/temporary-home.ts";

const names = ["postmaster.pid", ".s.PGSQL.5432.lock"];

/** Those of both locks that stay, where they name this process. */
function leftOf(home: string, pid: number): readonly string[] {
  for (const name of names) writeFileSync(join(home, name), `${pid}\n${home}\n`);
  removeStaleLocks(home, 5432);
  return names.filter((name) => existsSync(join(home, name)));
}

/** A program of that name, working in the folder, as a server does. */
function serverIn(folder: string, program = join(folder, "postgres")): ChildProcess {
  copyFileSync("/bin/sleep", program);
  return ended(spawn(program, ["60"], { cwd: folder }));
}

function ended(child: ChildProcess): ChildProcess {
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

describe.runIf(process.platform === "linux")("both locks of a server", () => {
  it("go where their number is that of another program", () => {
    expect(leftOf(temporaryHome(), process.pid)).toEqual([]);
  });

  it("go where their number is that of another home's server", async () => {
    const server = serverIn(temporaryHome());
    await once(server, "spawn");
    expect(leftOf(temporaryHome(), server.pid!)).toEqual([]);
  });

  it("go where it was killed and its parent has not asked for its end yet", async () => {
    const home = temporaryHome();
    copyFileSync("/bin/sleep", join(home, "postgres"));
    const parent = ended(
      spawn("/bin/sh", ["-c", "./postgres 60 & echo $!; exec sleep 60"], {
        cwd: home,
        stdio: ["ignore", "pipe", "ignore"],
      }),
    );
    const [told] = (await once(parent.stdout!, "data")) as [Buffer];
    const pid = Number(String(told));
    process.kill(pid, "SIGKILL");
    await expect.poll(() => readFileSync(`/proc/${pid}/stat`, "utf8")).toMatch(/\) Z /);
    expect(leftOf(home, pid)).toEqual([]);
  });

  it("stay while it lives", async () => {
    const home = temporaryHome();
    const server = serverIn(home);
    await once(server, "spawn");
    expect(leftOf(home, server.pid!)).toEqual(names);
  });
});
