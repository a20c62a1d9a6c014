import { readFileSync, readlinkSync } from "node:fs";
import type { ProcessIdentity } from "./process-identity.ts";

/** Identifies a gate's place, so that a successor can prove that nothing of the gate is left. */
export interface HostIdentity extends ProcessIdentity {
  /** Of this start of the machine. */
  readonly bootId: string;
  readonly networkNamespace: string;
  readonly pidNamespace: string;
  /** Names the host lock, which the gate holds for life. */
  readonly lock: string;
  /** Whether the kernel keeps that name for the gate, in its network's namespace. Older records do not say. */
  readonly holdsName?: boolean;
}

export interface LockOfGate {
  readonly name: string;
  readonly holdsName: boolean;
}

/**
 * Null where the kernel gives no such facts: anywhere but on Linux. Nothing can be proven there.
 */
export function hostIdentity(lock: LockOfGate, gate: ProcessIdentity): HostIdentity | null {
  try {
    return {
      ...gate,
      bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
      networkNamespace: readlinkSync("/proc/self/ns/net"),
      pidNamespace: readlinkSync("/proc/self/ns/pid"),
      lock: lock.name,
      holdsName: lock.holdsName,
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
