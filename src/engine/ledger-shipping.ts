import type { LedgerLine, LedgerStore } from "../ports/ledger-store.ts";

export interface LedgerShippingOptions {
  readonly store: Pick<LedgerStore, "append">;
  /** Tells the gate which lines are stored; answers the next ones. */
  journal(stored: readonly LedgerLine[]): Promise<readonly LedgerLine[]>;
  onFault(error: unknown): void;
}

/** Brings the gate's journal to the fleet's ledger. Call the function as often as you like; one shipment runs at a time. */
export function createLedgerShipping(options: LedgerShippingOptions): () => Promise<void> {
  let shipping: Promise<void> | null = null;

  async function ship(): Promise<void> {
    let lines = await options.journal([]);
    while (lines.length > 0) {
      await options.store.append(lines);
      lines = await options.journal(lines);
    }
  }

  return () => {
    shipping ??= ship()
      .catch(options.onFault)
      .finally(() => {
        shipping = null;
      });
    return shipping;
  };
}
