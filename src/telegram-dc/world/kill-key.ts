import { ControlError } from "./control-error.ts";
import type { Fault, FaultSpec } from "./faults.ts";
import type { AuthKeyRecord } from "./model.ts";
import type { WorldParts } from "./parts.ts";

/**
 * Carries a `kill-key` fault out at once, on the named key or on every key of the named user.
 * @throws ControlError UNKNOWN_KEY when there is no such key
 */
export function killKeys(parts: WorldParts, spec: FaultSpec): Fault {
  const keys = keysNamed(parts, spec);
  const fault = parts.faults.add(spec);
  fault.left = 0;
  for (const key of keys) {
    fault.delivered += 1;
    kill(parts, key, spec.reason ?? "duplicated");
  }
  return fault;
}

function keysNamed(parts: WorldParts, spec: FaultSpec): AuthKeyRecord[] {
  const named = spec.authKeyId === undefined ? undefined : parts.authKeys.get(spec.authKeyId);
  const keys =
    spec.authKeyId === undefined
      ? parts.authKeys.ofUser(spec.userId ?? 0n)
      : named === undefined
        ? []
        : [named];
  if (keys.length > 0) return keys;
  throw new ControlError(
    "UNKNOWN_KEY",
    404,
    "no such auth key is logged in; read the authorisations of the user to see its keys",
  );
}

function kill(
  parts: WorldParts,
  key: AuthKeyRecord,
  reason: NonNullable<FaultSpec["reason"]>,
): void {
  if (reason === "duplicated") return parts.authKeys.killDuplicated(key);
  if (reason === "revoked") return parts.authKeys.revoke(key);
  const user = key.userId === undefined ? undefined : parts.users.get(key.userId);
  if (user === undefined) return undefined;
  user.deactivated = reason;
  return parts.ledger.keyEvent({
    authKeyId: key.id,
    atMs: parts.clock.nowMs(),
    event: "deactivated",
    userId: user.id,
  });
}
