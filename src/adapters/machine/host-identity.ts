import { readFileSync, readlinkSync } from "node:fs";
import type { ProcessIdentity } from "./process-identity.ts";

/** Where a gate runs, as far as a successor must know it to prove that nothing of it is left. */
export interface HostIdentity extends ProcessIdentity {
  /** Of this start of the machine. */
  readonly bootId: string;
  readonly networkNamespace: string;
  readonly pidNamespace: string;
  /** Names the host lock that the gate holds for as long as it lives. */
  readonly lock: string;
}

/** null where the kernel does not tell, which is anywhere but on Linux: there nothing can be proven. */
export function hostIdentity(lock: string, gate: ProcessIdentity): HostIdentity | null {
  try {
    return {
      ...gate,
      bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
      networkNamespace: readlinkSync("/proc/self/ns/net"),
      pidNamespace: readlinkSync("/proc/self/ns/pid"),
      lock,
    };
  } catch {
    return null;
  }
}

const fields = ["bootId", "networkNamespace", "pidNamespace", "lock", "startTime"] as const;

export function isHostIdentity(value: unknown): value is HostIdentity {
  if (typeof value !== "object" || value === null) return false;
  const found = value as Readonly<Record<string, unknown>>;
  return Number.isInteger(found["pid"]) && fields.every((name) => typeof found[name] === "string");
}
