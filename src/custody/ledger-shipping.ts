import { createWorker } from "../concurrency/worker.ts";
import type { LedgerPart, LedgerStore } from "../ports/custody/ledger-store.ts";

export interface LedgerShippingOptions {
  readonly store: Pick<LedgerStore, "append">;
  /** Tells the gate whether its last answer is stored; answers the next lines. */
  journal(stored: boolean): Promise<LedgerPart>;
  onFault(error: unknown): void;
}

/**
 * Brings the gate's journal to the fleet's ledger. Call the function as often as you like: one shipment runs at a time,
 * and one more for all calls meanwhile. Never rejects.
 */
export function createLedgerShipping(options: LedgerShippingOptions): () => Promise<void> {
  async function shipAll(): Promise<void> {
    let shipment = await options.journal(false);
    await options.store.append(shipment.lines, shipment.heads);
    while (shipment.lines.length > 0) {
      shipment = await options.journal(true);
      await options.store.append(shipment.lines, shipment.heads);
    }
  }

  return createWorker(shipAll, options.onFault).wake;
}
