import { spawn } from "node:child_process";
import { once } from "node:events";
import { getPriority } from "node:os";
import { expect, it, onTestFinished } from "vitest";
import { createProcessorShare } from "../../../src/adapters/bots/processor-share.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const steadyMs = 30_000;
const behind = Math.min(getPriority() + 10, 19);

function open(givesWay = false) {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const gone = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await gone;
  });
  const clock = createTestClock();
  const share = createProcessorShare(child.pid, { clock, givesWay });
  return { share, clock, niceness: () => getPriority(child.pid) };
}

it.runIf(process.getuid?.() === 0)(
  "a bot's process that is steady stands beside the node again",
  () => {
    const { share, clock, niceness } = open(true);
    clock.advance(steadyMs - 1);
    share.giveWay();
    clock.advance(steadyMs - 1);
    expect(niceness()).toBe(behind);
    clock.advance(1);
    expect(niceness()).toBe(getPriority());
  },
);

it("the number of a process that has ended is not touched again", () => {
  const { share, clock, niceness } = open();
  share.giveWay();
  share.ended();
  clock.advance(steadyMs);
  expect(niceness()).toBe(behind);
});

it("a process that never started is passed over", () => {
  const share = createProcessorShare(undefined, { clock: createTestClock(), givesWay: true });
  expect(() => share.giveWay()).not.toThrow();
});
