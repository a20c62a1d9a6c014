import { HoldfastError } from "../errors.ts";
import type { SharedRegister } from "../ports/custody/shared-register.ts";
import type { FloorValue } from "./registers.ts";

/** A floor as a backup of the register has it. */
export type KeptFloor = Pick<FloorValue, "epoch" | "incarnation" | "host"> & {
  /** As `floorKey` makes it. */
  readonly key: string;
};

const triesMax = 5;

/**
 * Epochs that a token may have been granted since the backup: ten a second, and at least a million. A register that
 * was lost with the database no longer says how many they were.
 */
export const epochsSince = (backupMs: number, nowMs: number): number =>
  Math.max(1_000_000, Math.ceil((nowMs - backupMs) / 100));

/**
 * Makes each floor at least as high as it was, plus `ahead`. So the next grant of each token is found to be an old
 * one, waits until the floor's holder has ended, and goes on above the floor. No floor is lowered. Answers how many
 * were raised. Throws FLOOR_UNREADABLE, and as the register does.
 */
export async function raiseFloors(
  register: Pick<SharedRegister<FloorValue>, "read" | "write">,
  floors: readonly KeptFloor[],
  { ahead, newNonce }: { readonly ahead: number; newNonce(): string },
): Promise<number> {
  let raised = 0;
  for (const floor of floors) if (await raise(floor)) raised += 1;
  return raised;

  async function raise({ key, epoch, incarnation, host }: KeptFloor): Promise<boolean> {
    const value = { epoch: epoch + ahead, incarnation, host, nonce: newNonce() };
    for (let tries = 1; ; tries += 1) {
      const entry = await register.read(key);
      if (entry !== null && !Number.isSafeInteger(entry.value?.epoch)) throw unreadable(key);
      if (entry !== null && entry.value.epoch >= value.epoch) return false;
      try {
        await register.write(key, value, entry?.revision ?? 0);
        return true;
      } catch (error) {
        // Unknown or lost: the next read shows whose value stands.
        if (tries === triesMax) throw error;
      }
    }
  }
}

const unreadable = (key: string) =>
  new HoldfastError({
    code: "FLOOR_UNREADABLE",
    message: `What stands under ${key} in HOLDFAST_FLOORS is no floor, so it is not known which epochs were used.`,
    next: "Stop every host, wait for T_take, remove that key with the program nats, and restore again.",
  });
