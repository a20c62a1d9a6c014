import { execFile } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createMachine } from "xstate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadMachines } from "../../tools/load-machines.ts";
import { machineDiagram } from "../../tools/machine-diagram.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Run {
  readonly exitCode: number;
  readonly output: string;
}

function draw(...args: readonly string[]): Promise<Run> {
  const command = ["tools/draw-machines.ts", ...args];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, command, { cwd: root }, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });
}

const machines = await loadMachines();

describe("the diagram of a machine", () => {
  it.each(machines)("in docs/machines is current: $machine.id", async (told) => {
    const { file, machine } = told;
    const page = await readFile(join(root, "docs/machines", `${machine.id}.md`), "utf8");
    expect(page, "run npm run diagrams").toBe(machineDiagram(machine, file));
  });

  it("shows states, eventless transitions, guards and what is asked for", () => {
    const [found] = machines.filter(({ machine }) => machine.id === "lifecycle");
    const page = machineDiagram(found!.machine, found!.file);
    expect(page).toContain("unauthorised --> seeking: always [hasSlot]");
    expect(page).toContain("restarting --> draining: client.ready [stopWanted] / finishRenewal");
    expect(page).toContain("seeking --> connecting: token.granted");
    expect(page).toContain("verified_idle: entry / verifyIdle, startBound");
  });

  it("needs a sentence for its head", () => {
    const machine = createMachine({ id: "mute", initial: "a", states: { a: {} } });
    expect(() => machineDiagram(machine, "machines/mute.ts")).toThrow(
      "machines/mute.ts needs a description",
    );
  });
});

describe("drawing all diagrams", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "holdfast-diagrams-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is followed by a check that passes, until one of them is changed by hand", async () => {
    expect(await draw("--into", folder)).toMatchObject({ exitCode: 0 });
    expect(await draw("--into", folder, "--check")).toEqual({ exitCode: 0, output: "" });
    await appendFile(join(folder, "token.md"), "\n");
    const stale = await draw("--into", folder, "--check");
    expect(stale.exitCode).toBe(1);
    expect(stale.output).toContain("token.md; run npm run diagrams");
  });

  it("is asked for when a diagram is missing", async () => {
    const { exitCode, output } = await draw("--into", folder, "--check");
    expect({ exitCode, lines: output.trim().split("\n").length }).toEqual({
      exitCode: 1,
      lines: 1,
    });
    expect(output).toContain("run npm run diagrams");
  });
});
