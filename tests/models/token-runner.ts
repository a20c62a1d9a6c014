import type { SnapshotFrom } from "xstate";
import { expect } from "vitest";
import type { tokenMachine } from "../../machines/token.ts";
import type { SlotRef, TokenRecord, TokenStore } from "../../src/ports/token-store.ts";
import type { Path } from "./paths.ts";

type TokenPath = Path<typeof tokenMachine>;

/**
 * Takes a path through a token store. Fails at the first step after which the stored token differs
 * from the machine, or the store claims an event that the machine refuses.
 */
export async function runTokenPath(
  store: Pick<TokenStore, "apply" | "read">,
  ref: SlotRef,
  { initial, steps }: TokenPath,
): Promise<void> {
  const begun = await store.read(ref);
  let connectedEpoch = begun?.connectedEpoch ?? 0;
  expect(begun).toEqual({ ...recordOf(ref, initial), connectedEpoch });
  let before = initial;
  for (const [index, { event, after }] of steps.entries()) {
    const step = `step ${index + 1}, ${JSON.stringify(event)} in ${before.value}`;
    const outcome = await store.apply(ref, event);
    if (event.type === "connected" && before.can(event)) connectedEpoch = after.context.epoch;
    const wanted = { ...recordOf(ref, after), connectedEpoch };
    expect(outcome, step).toEqual({ applied: before.can(event), token: wanted });
    expect(await store.read(ref), `${step}, read back`).toEqual(wanted);
    before = after;
  }
}

function recordOf(
  ref: SlotRef,
  { value, context }: SnapshotFrom<typeof tokenMachine>,
): Omit<TokenRecord, "connectedEpoch"> {
  return { ...ref, state: value, ...context };
}
