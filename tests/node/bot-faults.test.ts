import { expect, it } from "vitest";
import { createBotFaults } from "../../src/node/bot-faults.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

it("a failure of a bot is told once of its kind, and its repetitions as a number", () => {
  const clock = createTestClock();
  const told: string[] = [];
  const faults = createBotFaults(clock, (line) => void told.push(line));
  for (let user = 0; user < 5; user += 1) faults.report("shop", new Error(`no user ${user}`));
  faults.report("shop", new Error("another"));
  expect(told).toEqual(["bot shop: UNEXPECTED: no user 0", "bot shop: UNEXPECTED: another"]);
  clock.advance(30_000);
  faults.report("shop", new Error("no user 9"));
  expect(told.at(-1)).toBe("bot shop: UNEXPECTED: no user 9 (4 times more since)");
});
