import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { packageFile } from "../../src/files.ts";

const run = promisify(execFile);
const holdfast = (...args: readonly string[]) =>
  run(process.execPath, [packageFile("bin/holdfast.js"), ...args]);

it("a shell is told the commands and options that begin as what was typed", async () => {
  const { stdout } = await holdfast("complete", "--", "sta");
  const names = stdout.split("\n").map((line) => line.split("\t")[0]);
  expect(names).toEqual(expect.arrayContaining(["start", "status"]));
  expect(names).not.toContain("renew");
  const options = await holdfast("complete", "--", "status", "--j");
  expect(options.stdout).toContain("--json");
});

it.each(["bash", "zsh", "fish"])("%s takes its script for a script", async (shell) => {
  const { stdout } = await holdfast("completion", shell);
  expect(stdout).toContain("holdfast");
  if (shell === "bash") await run("bash", ["-n", "-c", stdout]);
});
