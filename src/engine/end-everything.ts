import type { AccountWorld } from "./account-world.ts";
import type { ServingSlot } from "./serving-slot.ts";
import { freeToken } from "./slot-connection.ts";

/**
 * Ends whatever the account has open under this incarnation: the serving client, and every token that it
 * still holds, each cut with proof before it is freed. Safe to repeat after a failure.
 */
export async function endEverything({
  world,
  serving,
}: {
  readonly world: AccountWorld;
  readonly serving: ServingSlot;
}): Promise<void> {
  await serving.end();
  for (const { account, slot, epoch } of await world.tokens.heldBy(
    world.gate.incarnation,
    world.account,
  )) {
    await freeToken(world, { account, slot, epoch });
  }
}
