import { describe, expect, it } from "vitest";
import { runScenario } from "../../src/chaos/run-scenario.ts";
import { scenarios } from "../../src/chaos/scenarios.ts";

/** Two of the scenarios, once each; `npm run chaos` runs them all, as often as one likes. */
const inShort = ["kill-node", "rolling-deploy-1"];

describe("real hosts under load", () => {
  it.each(scenarios.filter(({ name }) => inShort.includes(name)))(
    "$name: $proves",
    async (scenario) => {
      const result = await runScenario(scenario, () => {});
      expect(result.wrong).toEqual([]);
      expect(result.turns).toBeGreaterThan(20);
    },
    180_000,
  );
});
