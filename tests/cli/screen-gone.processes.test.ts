import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { programFile } from "../../src/files.ts";

const module = JSON.stringify(programFile("src/cli/print"));
/** Prints until it sees that its reader has gone, and tells on its error output how that came. */
const program = `
  const { print, screenGone } = await import(${module});
  const printing = setInterval(() => print("line"), 5);
  screenGone.addEventListener("abort", () => {
    clearInterval(printing);
    print("unseen");
    console.error("gone");
  });`;

const start = (what: string) =>
  spawn(process.execPath, ["--input-type=module", "--eval", what], {
    stdio: ["ignore", "pipe", "pipe"],
  });

it("takes a reader that has gone for an end, and finishes in order", async () => {
  const child = start(program);
  const said = text(child.stderr);
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  child.stdout.destroy();
  expect([await said, await ended]).toEqual(["gone\n", [0, null]]);
});

it("takes no other fault of the output for one", async () => {
  const fault = `process.stdout.emit("error", Object.assign(new Error("no space"), { code: "ENOSPC" }));`;
  const child = start(`${program}\n  ${fault}`);
  const said = text(child.stderr);
  child.stdout.resume();
  const [code] = (await once(child, "exit")) as [number];
  expect([code, await said]).toEqual([1, expect.stringContaining("no space")]);
});
