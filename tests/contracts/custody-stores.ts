import { afterEach } from "vitest";
import type { IncarnationStore } from "../../src/ports/custody/incarnation-store.ts";
import type { SlotRef, TokenStore } from "../../src/ports/custody/token-store.ts";

/** Keys of slot 1 of the two accounts of a custody store. */
export const keyIds = ["00000000000000a1", "00000000000000a2"] as const;

/**
 * Stores over one database, with two accounts, each with a free token of slot 1, which serves with the key of `keyIds`,
 * and no incarnation.
 */
export type MakeCustodyStores = () => Promise<{
  readonly tokens: TokenStore;
  readonly incarnations: IncarnationStore;
  readonly accounts: readonly [string, string];
  close(): Promise<void>;
}>;

/** Two free tokens and the incarnations `i1` and `i2`, made anew for each spec and closed after it. */
export function freshStores(make: MakeCustodyStores) {
  const undo: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of undo.splice(0)) await close();
  });
  return async () => {
    const made = await make();
    undo.push(made.close);
    const { tokens, incarnations, accounts } = made;
    const [one, two] = accounts.map((account): SlotRef => ({ account, slot: 1 }));
    await incarnations.register({ id: "i1", host: "h1", proof: {} });
    await incarnations.register({ id: "i2", host: "h2", proof: {} });
    return { tokens, incarnations, one: one!, two: two! };
  };
}
