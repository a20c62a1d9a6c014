import type { SeenLease } from "../custody/fleet-members.ts";
import type { StoredHost } from "../ports/fleet-health.ts";

/** A host of the fleet as people and scripts see it. */
export interface HostSummary {
  readonly host: string;
  /** Of its gate: another with every start of it. */
  readonly incarnation: string;
  /** Rises with every incarnation of the host. */
  readonly generation: number;
  /**
   * `serving`: it takes accounts. `not-serving`: it lives and takes none, as it starts or leaves. `silent`: its lease
   * is not renewed. `revoked`: another host took its accounts.
   */
  readonly state: "serving" | "not-serving" | "silent" | "revoked";
  /** ISO 8601: the gate's first word to the database; null: not known there. */
  readonly since: string | null;
  /** Accounts that it holds. */
  readonly accounts: number;
  /** The partitions whose turns it takes. */
  readonly partitions: readonly number[];
}

/** A host that went without a word and did not come back is shown for so long. */
const revokedShownMs = 24 * 3600 * 1000;
/** More hosts than any fleet has; an answer has room for them. */
const hostsMax = 1_000;

/** The leases to show: a host that left in order is none of them. */
export const shownLeases = (leases: readonly SeenLease[]): readonly SeenLease[] =>
  leases.filter(({ status }) => status !== "released").slice(0, hostsMax);

/** The hosts of these leases, by name. `isLive`: the lease of that incarnation is renewed. */
export function summarise(
  leases: readonly SeenLease[],
  stored: readonly StoredHost[],
  isLive: (incarnation: string) => boolean,
): readonly HostSummary[] {
  const known = new Map(stored.map((one) => [one.incarnation, one]));
  return leases
    .flatMap((lease): readonly HostSummary[] => {
      const found = known.get(lease.incarnation);
      const endedForMs = found?.endedForMs ?? null;
      const isOld = endedForMs === null || endedForMs > revokedShownMs;
      if (lease.status !== "live" && isOld) return [];
      return [
        {
          host: found?.host ?? lease.key,
          incarnation: lease.incarnation,
          generation: lease.generation,
          state: stateOf(lease, isLive),
          since: found === undefined ? null : new Date(found.startedMs).toISOString(),
          accounts: found?.accounts ?? 0,
          partitions: found?.partitions ?? [],
        },
      ];
    })
    .toSorted((a, b) => a.host.localeCompare(b.host));
}

function stateOf(
  { status, serving, incarnation }: SeenLease,
  isLive: (incarnation: string) => boolean,
): HostSummary["state"] {
  if (status !== "live") return "revoked";
  if (!isLive(incarnation)) return "silent";
  return serving ? "serving" : "not-serving";
}
