import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { readRunInfo } from "../../src/embedded/run-info.ts";
import { startEmbedded } from "../../src/embedded/launcher.ts";
import type { EmbeddedOptions } from "../../src/embedded/launcher.ts";
import { createTestDatabase } from "../fixtures/database.ts";
import { stubGate } from "../fixtures/embedded/programs.ts";
import { anyRunning, leftovers, temporaryHome } from "../fixtures/embedded/temporary-home.ts";
import { testNatsEnvironment } from "../fixtures/nats.ts";

const { PATH, HOME } = process.env;

async function options(more: NodeJS.ProcessEnv = {}): Promise<EmbeddedOptions> {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const shared = {
    HOLDFAST_DATABASE_URL: database.url,
    ...testNatsEnvironment(),
    HOLDFAST_PROFILE: "development",
  };
  return {
    env: { PATH, HOME, ...shared, ...more },
    home: temporaryHome(),
    log: () => {},
    gateProgram: stubGate,
  };
}

describe("the launcher", () => {
  it("starts every part that no variable names, says where they are, and leaves nothing when it stops", async () => {
    const home = temporaryHome();
    const provisioned: string[] = [];
    const running = await startEmbedded({
      env: { PATH, HOME },
      home,
      log: () => {},
      gateProgram: stubGate,
      provision: async ({ control }) => void provisioned.push(control.url, control.token),
    });
    const run = running.run();
    expect(await readRunInfo(home)).toEqual(run);
    expect(run).toMatchObject({
      metrics: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/),
      nats: expect.stringMatching(/^nats:\/\/127\.0\.0\.1:\d+$/),
      telegram: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
    expect(await (await fetch(run.metrics)).text()).toBe(run.nats);
    expect(provisioned).toEqual([run.telegramControl, run.telegramControlToken]);
    const secrets = ["run.json", "master.key", "console-token"];
    const secretFiles = secrets.map((file) => statSync(join(home, file)));
    expect(secretFiles.map(({ mode }) => mode & 0o777)).toEqual([0o600, 0o600, 0o600]);

    await running.stop();
    expect(anyRunning(run.pids)).toEqual([]);
    expect(leftovers(home)).toEqual([]);
  });

  it("tells of the next node when one was killed, in run.json too", async () => {
    const given = await options();
    const running = await startEmbedded(given);
    onTestFinished(running.stop);
    const next = running.nextNode();
    const killed = running.killNode();
    const pid = await next;
    expect(pid).not.toBe(killed);
    expect((await readRunInfo(given.home ?? ""))?.pids["node"]).toBe(pid);
  });

  it("replaces a gate that died, at the same address", async () => {
    const running = await startEmbedded(await options());
    onTestFinished(running.stop);
    const before = running.run();
    const next = running.nextNode();
    process.kill(before.pids["gate"] ?? 0, "SIGKILL");
    await next;
    const after = running.run();
    expect(after.metrics).toBe(before.metrics);
    expect(after.pids["gate"]).not.toBe(before.pids["gate"]);
    expect((await fetch(after.metrics)).status).toBe(200);
  });

  it("reports a part that died and cannot be replaced", async () => {
    const running = await startEmbedded(await options());
    onTestFinished(running.stop);
    process.kill(running.run().pids["telegram-dc"] ?? 0, "SIGKILL");
    expect(await running.failed).toMatchObject({
      code: "PART_DIED",
      line: expect.stringContaining("telegram-dc ended unexpectedly (SIGKILL)"),
    });
  });

  it.each([
    ["GATE_FAILED", /Port 80 is in use/, { STUB_GATE: "fail" }],
    [
      "DATABASE_UNAVAILABLE",
      /does not answer/,
      { HOLDFAST_DATABASE_URL: "postgres://u:pw@127.0.0.1:1/d" },
    ],
    ["CONFIG_INVALID", /HOLDFAST_HTTP_PORT/, { HOLDFAST_HTTP_PORT: "many" }],
    [
      "NATS_SERVER_UNUSABLE",
      /HOLDFAST_NATS_SERVER/,
      { HOLDFAST_NATS_URL: "", HOLDFAST_NATS_SERVER: "/bin/false" },
    ],
  ])("leaves nothing when a start fails with %s", async (code, text, env) => {
    const given = await options(env);
    await expect(startEmbedded(given)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(text),
    });
    expect(leftovers(given.home ?? "")).toEqual([]);
  });

  it("stops a start that is under way", async () => {
    const controller = new AbortController();
    const given = await options();
    const log = () => controller.abort();
    const starting = startEmbedded({
      ...given,
      log,
      signal: controller.signal,
      provision: async () => controller.abort(),
    });
    await expect(starting).rejects.toMatchObject({ code: "START_STOPPED" });
    expect(leftovers(given.home ?? "")).toEqual([]);
  });
});
