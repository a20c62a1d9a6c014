import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { endRecorded } from "../../src/embedded/process-records.ts";
import { packageFile } from "../../src/files.ts";
import { parents } from "../../src/proof/parents/parents.ts";
import { runCase } from "../../src/proof/parents/run-case.ts";

/** One home for all: each start is the next one after the stop before it. */
const home = mkdtempSync(join(tmpdir(), "holdfast-parents-"));
const limits = { readyMsMax: 90_000, servesMsMax: 60_000, endedMsMax: 60_000 };

afterAll(async () => {
  await endRecorded(home, () => {});
  rmSync(home, { recursive: true, force: true });
}, 60_000);

/** Files that a home may not keep once nothing runs in it. */
function filesLeft(of: string): readonly string[] {
  const run = join(of, "run");
  const inRun = existsSync(run) ? readdirSync(run).map((name) => `run/${name}`) : [];
  return [...inRun, ...["run.json"].filter((name) => existsSync(join(of, name)))];
}

/** Some containers take no namespaces of processes. */
const canUnshare = spawnSync("unshare", ["--pid", "--fork", "--mount-proc", "true"]).status === 0;

describe("a service under a parent that stops it", () => {
  it.each(["npm", "control-group", ...(canUnshare ? ["init"] : [])])(
    "leaves nothing behind under %s, and the next one starts in its home",
    async (name) => {
      const parent = parents.find((one) => one.name === name)!;
      const { wrong } = await runCase(parent, { kind: "stop", signal: "SIGTERM" }, home, limits);
      expect(wrong).toEqual([]);
      // A gate whose database ended with it cannot free its lock; the next start passes it over.
      const mayStay = name === "control-group" ? ["run/gate.lock"] : [];
      expect(filesLeft(home).filter((file) => !mayStay.includes(file))).toEqual([]);
    },
    180_000,
  );
});

describe("the scripts of the package", () => {
  it("become the program, so that npm's signals reach it and no shell between", () => {
    const { scripts } = JSON.parse(readFileSync(packageFile("package.json"), "utf8")) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    for (const name of ["start", "demo", "telegram-dc"])
      expect(scripts[name]).toMatch(/^exec node bin\//);
  });
});
