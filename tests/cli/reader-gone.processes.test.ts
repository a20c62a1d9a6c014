import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { packageFile } from "../../src/files.ts";

it.each([["logs"], ["logs", "--follow"]])(
  "a reader that has seen enough ends the command in peace: %s %s",
  async (...args) => {
    const home = mkdtempSync(join(tmpdir(), "holdfast-reader-"));
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    mkdirSync(join(home, "logs"));
    const line = `${JSON.stringify({ level: 30, time: 1_700_000_000_000, msg: "x".repeat(200) })}\n`;
    writeFileSync(join(home, "logs", "gate.log"), line.repeat(20_000));
    const child = spawn(process.execPath, [packageFile("bin/holdfast.js"), ...args], {
      env: { ...process.env, HOLDFAST_HOME: home },
    });
    let said = "";
    child.stderr.on("data", (text) => (said += String(text)));
    const ended = once(child, "exit");
    await once(child.stdout, "data");
    child.stdout.destroy();
    expect(await ended).toEqual([0, null]);
    expect(said).toBe("");
  },
);
