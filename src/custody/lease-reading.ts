import type { Signatures } from "../ports/custody/signatures.ts";
import type { LeaseValue } from "./registers.ts";
import { leaseText } from "./signed-statements.ts";

/**
 * The worth of a lease that stands in NATS. `proven`: signed by the incarnation that it names. `hint`: of a
 * version that signs nothing, or a revocation, which ends the lease by its mere being there. `forged`: signed
 * wrongly, or no lease.
 */
export type LeaseWorth = "proven" | "hint" | "forged";

const statuses: readonly unknown[] = ["live", "released", "revoked"];

/** Judges a value as it came from NATS, whatever it is. Never throws. */
export function worthOf(signatures: Signatures, key: string, value: unknown): LeaseWorth {
  if (!isLease(value)) return "forged";
  if (value.status === "revoked") return "hint";
  if (!signatures.isKey(value.incarnation)) return "hint";
  const isSigned = signatures.verify(value.incarnation, leaseText(key, value), value.signature);
  return isSigned ? "proven" : "forged";
}

function isLease(value: unknown): value is LeaseValue {
  if (typeof value !== "object" || value === null) return false;
  const { generation, incarnation, n, nonce, status, serving } = value as Partial<LeaseValue>;
  return (
    Number.isSafeInteger(generation) &&
    Number.isSafeInteger(n) &&
    typeof incarnation === "string" &&
    typeof nonce === "string" &&
    typeof serving === "boolean" &&
    statuses.includes(status)
  );
}
