import { collectDefaultMetrics, Registry } from "prom-client";
import { createMetrics } from "../src/adapters/metrics/metrics.ts";

interface Figure {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labels: readonly string[];
}

const prefix = "holdfast_";

/** Those of the process itself: they differ between platforms, and the package describes them. */
function namesOfTheProcess(): ReadonlySet<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix });
  return new Set(registry.getMetricsAsArray().map(({ name }) => name));
}

/** Every figure of a node, sorted; some exist only once they have a value to read. */
export function figures(): readonly Figure[] {
  const registry = new Registry();
  const metrics = createMetrics([], registry);
  metrics.gate(() => ({}));
  metrics.waits(() => []);
  metrics.conversations.duplicateSessions(() => 0);
  metrics.conversations.parkedMessages(() => 0);
  metrics.conversations.backlog(() => 0);
  metrics.conversations.escalations(() => ({ escalated: 0, unanswered: 0, oldestMs: null }));
  const others = namesOfTheProcess();
  return registry
    .getMetricsAsArray()
    .filter(({ name }) => !others.has(name))
    .map((metric) => ({
      name: metric.name,
      help: metric.help,
      // At run time a word; the package's types say a number, and leave the labels out.
      type: String(metric.type),
      labels: "labelNames" in metric ? [metric.labelNames].flat().map(String) : [],
    }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** The table of docs/metrics.md. */
export function metricsTable(): string {
  const rows = figures().map(({ name, type, labels, help }) => {
    const labelled = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${type} | ${labelled} | ${help.replaceAll("|", "\\|")} |`;
  });
  return ["| metric | type | labels | what it says |", "|---|---|---|---|", ...rows].join("\n");
}
