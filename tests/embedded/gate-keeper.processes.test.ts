import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { keepGate } from "../../src/embedded/gate-keeper.ts";
import type { GateReady } from "../../src/embedded/gate-process.ts";
import type { HoldfastError } from "../../src/errors.ts";
import { temporaryHome } from "../fixtures/embedded/temporary-home.ts";

/** More than the gate may end by itself before it is given up. */
const triesAway = 9;

it("tries a gate again for as long as a server is away", async () => {
  const home = temporaryHome();
  mkdirSync(join(home, "run"), { recursive: true });
  const file = join(home, "away");
  const replaced = Promise.withResolvers<GateReady>();
  const givenUp: HoldfastError[] = [];
  const waitedMs: number[] = [];
  const keeper = await keepGate({
    home,
    env: { ...process.env, STUB_GATE_FILE: file },
    stopMsMax: 5_000,
    program: [fileURLToPath(new URL("../fixtures/embedded/stub-gate.ts", import.meta.url))],
    clock: {
      schedule(delayMs, task) {
        waitedMs.push(delayMs);
        setImmediate(task);
        return () => {};
      },
    },
    log: () => {},
    onNode: () => {},
    onReplaced: replaced.resolve,
    onGivenUp: (error) => {
      givenUp.push(error);
      replaced.reject(error);
    },
  });
  onTestFinished(() => keeper.stop());
  writeFileSync(file, "\n".repeat(triesAway));
  process.kill(keeper.ready.pids.gate, "SIGKILL");
  expect((await replaced.promise).http).toBe(keeper.ready.http);
  expect(readFileSync(file, "utf8")).toBe("");
  expect(givenUp).toEqual([]);
  expect(waitedMs).toHaveLength(triesAway + 1);
  expect(Math.max(...waitedMs)).toBeLessThanOrEqual(18_000);
});
