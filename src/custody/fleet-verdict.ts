/** All that a host knows about whose servers it was given. */
export interface FleetEvidence {
  /** The fleet of the database. */
  readonly recorded: string | null;
  /** The fleet of NATS. */
  readonly known: string | null;
  /** An operator said that every other place of this fleet is stopped. */
  readonly adopting: boolean;
  /** The database has keys that a second fleet could use too. */
  readonly hasKeys: boolean;
  /** A lease in NATS names an incarnation that the database registered. */
  readonly kin: boolean;
}

/**
 * `same`: go on. `found`: record the fleet in both. `tell`: write the database's id into NATS. `overwrite`: the same
 * over another id, once no lease is renewed there. `elsewhere`, `mismatch`: refuse.
 */
export type FleetVerdict = "same" | "found" | "tell" | "overwrite" | "elsewhere" | "mismatch";

/** Whether a database and a NATS belong to one fleet. Pure. */
export function judgeFleet(of: FleetEvidence): FleetVerdict {
  const { recorded, known, adopting, hasKeys, kin } = of;
  if (known === null) {
    if (hasKeys && !kin && !adopting) return "elsewhere";
    return recorded === null ? "found" : "tell";
  }
  if (recorded === known) return "same";
  if (recorded === null) return kin ? "found" : "mismatch";
  return adopting ? "overwrite" : "mismatch";
}
