import { describe, expect, it } from "vitest";
import { runRenewalCampaign } from "../../../src/proof/chaos/renewal-campaign.ts";
import { runScenario } from "../../../src/proof/chaos/run-scenario.ts";
import { scenarios } from "../../../src/proof/chaos/scenarios.ts";

/** Renewals of one method in a short run; `npm run chaos -- --renewals all` runs 200 of each. */
const renewalsInShort = 16;

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

  it.each(["handoff", "bot-token"] as const)(
    "killed with SIGKILL while accounts are renewed by %s: every one works, nothing is left behind",
    async (method) => {
      const options = { method, renewals: renewalsInShort, killsEach: 0, log: () => {} };
      const result = await runRenewalCampaign(options);
      expect(result.wrong).toEqual([]);
      expect(result.kills.node).toBeGreaterThan(0);
    },
    180_000,
  );
});
