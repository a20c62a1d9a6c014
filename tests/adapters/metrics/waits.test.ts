import { expect, it } from "vitest";
import { createMetrics } from "../../../src/adapters/metrics/metrics.ts";

it("the waits that are in force are counted by account and method, and are gone when they end", async () => {
  const metrics = createMetrics([]);
  const send = { method: "messages.sendMessage" };
  let waits = [send, send, { method: "updates.getDifference" }];
  metrics.waits(() => [{ name: "desk", waits }]);
  const shown = async () =>
    (await metrics.render())
      .split("\n")
      .filter((line) => line.startsWith("holdfast_telegram_waits{"));
  expect(await shown()).toEqual([
    'holdfast_telegram_waits{account="desk",method="messages.sendMessage"} 2',
    'holdfast_telegram_waits{account="desk",method="updates.getDifference"} 1',
  ]);
  waits = [send];
  expect(await shown()).toEqual([
    'holdfast_telegram_waits{account="desk",method="messages.sendMessage"} 1',
  ]);
});
