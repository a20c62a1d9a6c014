import { expect, it } from "vitest";
import { shortPolicy, simulateGrowth, totalOf } from "../../src/proof/bench/growth.ts";

it("tables and streams level off under days of traffic, where rows are removed for their age", async () => {
  const days = await simulateGrowth(
    { days: 18, messagesPerDay: 200, policy: shortPolicy },
    () => {},
  );
  const [before, last] = [days.slice(6, 12), days.slice(12)].map((some) =>
    Math.max(...some.map(totalOf)),
  );
  expect(last! / before!).toBeLessThan(1.1);
  // What waits for no turn stands in no stream.
  expect(days.map(({ streams }) => streams)).toEqual(days.map(() => 0));
}, 240_000);
