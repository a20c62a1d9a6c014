import { Counter, Gauge, type Registry } from "prom-client";
import type { Removed } from "../../ports/retention.ts";

/** Metrics of what is removed for its age. Labels are tables. */
export interface RetentionMetrics {
  removed(what: Removed): void;
  /** One run has ended. */
  ran(seconds: number): void;
  failed(): void;
  oldest(table: string, ageMs: number | null): void;
}

export function createRetentionMetrics(registry: Registry): RetentionMetrics {
  const of = { registers: [registry] };
  const rows = new Counter({
    ...of,
    name: "holdfast_retention_rows_total",
    help: "Rows that were older than they are to be kept and are gone, by table",
    labelNames: ["table"],
  });
  const bytes = new Counter({
    ...of,
    name: "holdfast_retention_bytes_total",
    help: "Bytes of those rows as text; of a month of turns, its bytes on disk",
    labelNames: ["table"],
  });
  const seconds = new Gauge({
    ...of,
    name: "holdfast_retention_run_seconds",
    help: "How long this host's last run of the retention took",
  });
  const failures = new Counter({
    ...of,
    name: "holdfast_retention_failures_total",
    help: "Runs of the retention that failed; the next one goes on where they ended",
  });
  failures.inc(0);
  const oldest = new Gauge({
    ...of,
    name: "holdfast_oldest_row_seconds",
    help: "Age of the oldest row of a table after this host's last run of the retention",
    labelNames: ["table"],
  });
  return {
    removed({ table, rows: count, bytes: size }) {
      rows.inc({ table }, count);
      bytes.inc({ table }, size);
    },
    ran: (took) => seconds.set(took),
    failed: () => failures.inc(),
    oldest: (table, ageMs) => oldest.set({ table }, (ageMs ?? 0) / 1000),
  };
}
