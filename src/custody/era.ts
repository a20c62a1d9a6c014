import type { SharedRegister } from "../ports/custody/shared-register.ts";
import { type EraValue, eraKey } from "./registers.ts";

/**
 * Counts one more restore of Postgres. Who counts one twice does no harm. Throws as the register does.
 */
export async function nextEra(
  fleet: Pick<SharedRegister<EraValue>, "read" | "write">,
  newNonce: () => string,
): Promise<void> {
  const entry = await fleet.read(eraKey);
  const value = { era: (entry?.value.era ?? 0) + 1, nonce: newNonce() };
  await fleet.write(eraKey, value, entry?.revision ?? 0);
}
