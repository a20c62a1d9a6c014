import type { RenewalStep } from "../ports/accounts/renewal-store.ts";

/** The step that an account has done on entering a state of the lifecycle. */
const doneOnArrival: Readonly<Record<string, RenewalStep>> = {
  "verified-idle": "drained",
  renewing: "verified-idle",
};

/** The step of the account's renewal that a transition shows to be done; null where it shows none. */
export function stepOfTransition(from: string, to: string): RenewalStep | null {
  return from === to ? null : (doneOnArrival[to] ?? null);
}

/** The session of the next slot is stored: it has a key now. */
export const stepOfNewKey: RenewalStep = "key-stored";

/** The slot that served before is logged out and forgotten. */
export const stepOfForgottenSlot: RenewalStep = "retired";
