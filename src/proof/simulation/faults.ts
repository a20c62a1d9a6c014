import type { Random } from "./random.ts";

/**
 * A fault with its time and duration: plain data, so that a failing run can be cut down to the
 * faults it needs.
 */
export interface Fault {
  readonly atMs: number;
  readonly lastsMs: number;
  readonly kind: FaultKind;
  /** Index of the host. */
  readonly host: number;
  /** Meaning depends on the kind: which direction, how far back, which order; in [0, 1). */
  readonly how: number;
}

const hostFaults = [
  "kill-node",
  "kill-node",
  "kill-gate",
  "power-off",
  "pause-node",
  "pause-gate",
  "pause-host",
  "suspend-host",
  "cut-nats",
  "cut-nats",
  "cut-postgres",
  "cut-telegram",
  "slow-nats",
  "slow-postgres",
  "slow-telegram",
  "stale-nats",
  "double-nats",
  "clock-jump",
  "force",
  "leave",
  "clone",
  "lie",
  "lie",
  "lie",
] as const;
const fleetFaults = ["nats-down", "lose-news"] as const;
/**
 * At most one of these two in a run: a fleet that loses both memories has none
 * (docs/simulation.md).
 */
const storeFaults = ["kv-rollback", "postgres-restore"] as const;

export type FaultKind =
  | (typeof hostFaults)[number]
  | (typeof fleetFaults)[number]
  | (typeof storeFaults)[number];

/** Faults begin and end within this, in milliseconds of virtual time. */
const faultsFromMs = 10_000;
export const faultsUntilMs = 75_000;

export function makeFaults(random: Random, hosts: number): readonly Fault[] {
  const store = random.pick(storeFaults);
  const kinds: FaultKind[] = Array.from({ length: random.whole(2, 7) }, () =>
    random.chance(0.15) ? random.pick(fleetFaults) : random.pick(hostFaults),
  );
  if (random.chance(0.35)) kinds.push(store);
  if (random.chance(0.1)) kinds.push(store);
  return kinds
    .map((kind) => {
      const atMs = random.whole(faultsFromMs, faultsUntilMs - 5_000);
      const lastsMs = random.chance(0.5) ? random.whole(200, 9_000) : random.whole(9_000, 45_000);
      return {
        atMs,
        lastsMs: Math.min(lastsMs, faultsUntilMs - atMs),
        kind,
        host: random.whole(0, hosts - 1),
        how: random.next(),
      };
    })
    .toSorted((a, b) => a.atMs - b.atMs);
}
