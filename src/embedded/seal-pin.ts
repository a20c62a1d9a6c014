import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HoldfastError } from "../errors.ts";
import { writeFileAtomically } from "./process-records.ts";

/** The name of the fleet that this home's own `holdfast start` serves, among the kept keys. */
export const ownFleet = "here";

/** Where a home keeps the sealing keys that it has seen. */
export const sealPinFile = (home: string): string => join(home, "sealing-keys.json");

/** The key kept for a fleet, `ownFleet` or its NATS address; null: none was seen yet. Throws SEAL_PIN_BROKEN. */
export function readSealPin(home: string, fleet: string): string | null {
  return pins(home)[fleet] ?? null;
}

/** Keeps a fleet's key for the next time. */
export function keepSealPin(home: string, fleet: string, key: string): void {
  const known = pins(home);
  if (known[fleet] === key) return;
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileAtomically(sealPinFile(home), `${JSON.stringify({ ...known, [fleet]: key })}\n`);
}

function pins(home: string): Readonly<Record<string, string>> {
  let text: string;
  try {
    text = readFileSync(sealPinFile(home), "utf8");
  } catch {
    return {};
  }
  try {
    return JSON.parse(text) as Record<string, string>;
  } catch (cause) {
    throw new HoldfastError({
      code: "SEAL_PIN_BROKEN",
      message: `${sealPinFile(home)} is not JSON, so the fleet's sealing key cannot be compared; nothing was sent.`,
      next: "Remove the file if you trust what answers on this NATS server; the next command writes it anew.",
      cause,
    });
  }
}
