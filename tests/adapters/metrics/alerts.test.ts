import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { lifecycleStateNames } from "../../../machines/lifecycle.ts";
import { createMetrics } from "../../../src/adapters/metrics/metrics.ts";
import { healthSigns } from "../../../src/ports/conversation/health-signs.ts";

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: { readonly severity: string; readonly threshold: string };
  readonly annotations?: { readonly summary: string; readonly next: string };
}

const read = (name: string) =>
  readFileSync(new URL(`../../../docs/alerts/${name}`, import.meta.url), "utf8");
const { groups } = parse(read("rules.yml")) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);

/** The metrics of a node after one turn of one account. */
async function shown(): Promise<string> {
  const metrics = createMetrics([]);
  metrics.conversations.sessionDecision("desk", "SESSION_REUSED");
  metrics.conversations.sessionLookup(0.001);
  metrics.conversations.duplicateSessions(() => 0);
  metrics.conversations.parkedMessages(() => 0);
  metrics.conversations.partitionHeld(3, false);
  metrics.gate(() => ({ nodeRestarts: 0 }));
  metrics.conversations.backlog(() => 0);
  metrics.conversations.escalations(() => ({ escalated: 0, unanswered: 0, oldestMs: null }));
  return metrics.render();
}

describe("the alarms of O1", () => {
  it("watch only figures that a node shows, with the labels that it gives them", async () => {
    const text = await shown();
    const names = rules.flatMap(({ expr }) => expr.match(/holdfast_[a-z_]+/g) ?? []);
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => !text.includes(name))).toEqual([]);
    const signs = rules.flatMap(({ expr }) => [...expr.matchAll(/sign="([A-Z_]+)"/g)]);
    expect(new Set(signs.map(([, sign]) => sign))).toEqual(new Set(healthSigns));
    for (const [, code] of rules.flatMap(({ expr }) => [
      ...expr.matchAll(/[^_]code="([A-Z_]+)"/g),
    ])) {
      expect(text).toContain(`code="${code}"`);
    }
  });

  it("each say how bad it is, which threshold it stands for, what happened and what to type", () => {
    const thresholds = alerts.map(({ labels }) => labels?.threshold);
    expect(new Set(thresholds).size).toBe(alerts.length);
    for (const { labels, annotations } of alerts) {
      expect(labels?.severity).toMatch(/^(warning|critical)$/);
      expect(labels?.threshold).toMatch(/^O1-/);
      expect(annotations?.summary).toMatch(/\.$/);
      expect(annotations?.next).toMatch(/npx holdfast|pg_stat_activity/);
    }
  });

  it("watch only states that an account has", () => {
    const states = rules.flatMap(({ expr }) => expr.match(/state=~?"([^"]+)"/)?.slice(1) ?? []);
    expect(states.length).toBeGreaterThan(4);
    const known = lifecycleStateNames();
    for (const pattern of states.flatMap((one) => one.split("|"))) {
      expect(known.filter((name) => new RegExp(`^${pattern}$`).test(name))).not.toEqual([]);
    }
  });

  it("see the first abort of a renewal as a rise", async () => {
    expect(await shown()).toContain('holdfast_renewal_steps_total{step="aborted"} 0');
  });

  it("begin at zero, so that the first sign is a rise", async () => {
    const text = await shown();
    for (const sign of healthSigns) {
      expect(text).toContain(`holdfast_conversation_signs_total{account="desk",sign="${sign}"} 0`);
    }
  });
});
