import type { HostSummary } from "../commands/host-summary.ts";
import { table } from "./table.ts";

/** Enough of an incarnation to tell it from others, as logs and `who` name it. */
const incarnationShown = 12;

/** One line a host. */
export function hostsTable(hosts: readonly HostSummary[], columns: number | null): string {
  const heads = ["HOST", "STATE", "SINCE", "ACCOUNTS", "GENERATION", "GATE", "TURNS OF"];
  const rows = hosts.map((one) => [
    one.host,
    one.state,
    one.since ?? "–",
    String(one.accounts),
    String(one.generation),
    one.incarnation.slice(0, incarnationShown),
    one.partitions.length === 0 ? "–" : `partitions ${one.partitions.join(", ")}`,
  ]);
  return table([heads, ...rows], columns);
}
