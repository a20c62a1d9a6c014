import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import type { ReadyMessage } from "../../../src/telegram-dc/program.ts";
import { createCleanup, portOf } from "../../fixtures/telegram-dc/data-centres.ts";

const cleanup = createCleanup();
const PROGRAM = new URL("../../../bin/telegram-dc.js", import.meta.url).pathname;

function run(args: readonly string[], ipc = false): ChildProcess {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ["ignore", "pipe", "pipe", ipc ? "ipc" : "ignore"],
  });
  cleanup.later(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  return child;
}

async function outcome(
  args: readonly string[],
): Promise<{ code: number | null; out: string; err: string }> {
  const child = run(args);
  let [out, err] = ["", ""];
  child.stdout?.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()));
  await once(child, "close");
  return { code: child.exitCode, out, err };
}

async function ready(child: ChildProcess): Promise<ReadyMessage> {
  const [message]: ReadyMessage[] = await once(child, "message");
  if (message === undefined) throw new Error("the program said nothing");
  return message;
}

function post(dc: ReadyMessage, path: string, body: unknown): Promise<Response> {
  return fetch(`${dc.control}${path}`, {
    method: "POST",
    headers: { ...shown(dc), "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

const shown = ({ controlToken }: ReadyMessage) => ({ authorization: `Bearer ${controlToken}` });

async function folder(): Promise<string> {
  const path = await mkdtemp(`${tmpdir()}/telegram-dc-`);
  cleanup.later(() => rm(path, { recursive: true }));
  return path;
}

describe("npm run telegram-dc", () => {
  it("tells its launcher where it listens, and ends when the launcher goes away", async () => {
    const child = run(["--control", "0", "--dc-id", "4"], true);
    const message = await ready(child);
    expect(message).toMatchObject({ type: "ready", host: "127.0.0.1", dcId: 4 });
    const body = await (await fetch(`${message.control}/`, { headers: shown(message) })).json();
    expect(body).toMatchObject({ port: message.port, rsaPublicKeyPem: message.rsaPublicKeyPem });
    child.disconnect();
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "prints its address, its number and its key, and ends in order on %s",
    async (signal) => {
      const child = run(["--json"]);
      const [line]: Buffer[] = await once(child.stdout ?? child, "data");
      expect(JSON.parse(String(line))).toMatchObject({ type: "ready", dcId: 2 });
      child.kill(signal);
      expect(await once(child, "exit")).toEqual([0, null]);
    },
  );

  it("keeps accounts, the key and messages in its state file, also over kill -9", async () => {
    const state = `${await folder()}/state.json`;
    const args = ["--control", "0", "--state", state];
    const first = run(args, true);
    const before = await ready(first);
    await post(before, "/users", { firstName: "Ada", username: "ada", password: "secret" });
    await post(before, "/users/ada/send", { peer: "ada", text: "one" });
    first.disconnect();
    await once(first, "exit");
    const second = run(args, true);
    const between = await ready(second);
    await post(between, "/users/ada/send", { peer: "ada", text: "two" });
    // What was confirmed is kept.
    second.kill("SIGKILL");
    await once(second, "exit");
    const after = await ready(run(args, true));
    const answer = await fetch(`${after.control}/users/ada/messages`, { headers: shown(after) });
    expect(await answer.json()).toMatchObject({ messages: [{ text: "one" }, { text: "two" }] });
    expect([between.rsaPublicKeyPem, after.rsaPublicKeyPem]).toEqual([
      before.rsaPublicKeyPem,
      before.rsaPublicKeyPem,
    ]);
  });

  it("makes its token file for its owner alone, and takes it again", async () => {
    const path = `${await folder()}/token`;
    const args = ["--control", "0", "--control-token-file", path];
    const first = await ready(run(args, true));
    const second = await ready(run(args, true));
    expect(second.controlToken).toBe(first.controlToken);
    expect(first.controlToken).toMatch(/^[\w-]{43}$/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("makes its key file for its owner alone, and takes it again", async () => {
    const path = `${await folder()}/key.pem`;
    const first = await ready(run(["--key", path], true));
    const second = await ready(run(["--key", path], true));
    expect(second.rsaPublicKeyPem).toBe(first.rsaPublicKeyPem);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("says in one line that a port is in use", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await once(squatter, "listening");
    cleanup.later(async () => squatter.close());
    const port = portOf(squatter);
    const { code, err } = await outcome(["--port", String(port)]);
    expect(code).toBe(1);
    expect(err).toMatch(new RegExp(`^telegram-dc: port ${port} of 127.0.0.1 is in use .*\n$`));
  });

  it("refuses what it cannot use in one or two lines, and leaves no file", async () => {
    const path = await folder();
    await writeFile(`${path}/broken`, "{");
    for (const args of [
      ["--state", `${path}/broken`],
      ["--state", `${path}/none/state.json`],
      ["--key", `${path}/broken`],
      ["--schema", `${path}/none.tl`],
      ["--port", "70000"],
      ["--policy", "sometimes"],
    ]) {
      const { code, err } = await outcome(args);
      expect([args, code]).toEqual([args, 1]);
      expect(err).toMatch(/^[^\n]{20,}\n([^\n]+\n)?$/);
    }
    expect(await readdir(path)).toEqual(["broken"]);
  });
});
