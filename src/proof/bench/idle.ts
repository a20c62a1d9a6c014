import { readFileSync } from "node:fs";
import { setTimeout as rest } from "node:timers/promises";
import { type ChaosFleet, startFleet } from "../chaos/fleet.ts";
import { type Figure, figure } from "./figures.ts";

/** Half of them by each driver. */
const accounts = 1_000;
const idleMs = 600_000;
const settleMs = 15_000;
const dialsMax = 10;
/** What an account took before its memory was looked at, and half of what it may take now. KiB. */
const memoryGoalKiB = 245;
/** Of /proc/<pid>/stat, on every Linux. */
const ticksPerSecond = 100;

type Part = "node" | "gate";

const parts: readonly Part[] = ["node", "gate"];

/** Processor time in seconds and resident memory in KiB, of each process of the host. */
function usageOf(
  fleet: Pick<ChaosFleet, "hosts">,
): Readonly<Record<Part, { cpuS: number; kiB: number }>> {
  const { pids } = fleet.hosts[0]!;
  const of = (pid: number) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    const kiB = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    return { cpuS: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond, kiB };
  };
  return { node: of(pids.node), gate: of(pids.gate) };
}

/**
 * Accounts with nothing to do: how often they are dialled, and what they cost the processor and the memory. The data
 * centre hangs up on a connection when its client asked for that.
 */
export async function measureIdle(log: (line: string) => void): Promise<readonly Figure[]> {
  let empty: ReturnType<typeof usageOf> | null = null;
  const fleet = await startFleet({
    hosts: 1,
    accounts,
    direct: true,
    log: () => {},
    onStarted: (started) => (empty = usageOf(started)),
  });
  try {
    log(`${accounts} accounts are served; they rest for ${idleMs / 60_000} minutes`);
    await rest(settleMs);
    const dialsBefore = fleet.dc.ledger.connections().length;
    const before = usageOf(fleet);
    const untilMs = performance.now() + idleMs;
    while (performance.now() < untilMs) {
      await rest(Math.min(60_000, untilMs - performance.now()));
      const dials = fleet.dc.ledger.connections().length - dialsBefore;
      log(`${dials} dials, ${Math.round((untilMs - performance.now()) / 1000)} s to go`);
    }
    const after = usageOf(fleet);
    const dials = fleet.dc.ledger.connections().length - dialsBefore;
    const minutes = idleMs / 60_000;
    return [
      figure("idle-dials", dials, "dials", dialsMax),
      ...parts.map((part) =>
        figure(
          `idle-${part}-cpu-s-per-minute`,
          (after[part].cpuS - before[part].cpuS) / minutes,
          "s",
          60,
        ),
      ),
      figure(
        "idle-memory-per-account-kib",
        (after.node.kiB + after.gate.kiB - (empty!.node.kiB + empty!.gate.kiB)) / accounts,
        "KiB",
        memoryGoalKiB,
      ),
      ...parts.map((part) =>
        figure(
          `idle-${part}-memory-per-account-kib`,
          (after[part].kiB - empty![part].kiB) / accounts,
          "KiB",
          memoryGoalKiB,
        ),
      ),
    ];
  } finally {
    await fleet.close();
  }
}
