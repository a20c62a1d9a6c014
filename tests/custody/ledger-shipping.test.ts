import { describe, expect, it } from "vitest";
import { createLedgerShipping } from "../../src/custody/ledger-shipping.ts";
import type { LedgerLine } from "../../src/ports/custody/ledger-store.ts";
import { settled } from "../fixtures/promise-state.ts";
import { deferred } from "../fixtures/deferred.ts";

const lineOf = (seq: number): LedgerLine => ({ incarnation: "i", host: "h", seq, line: `${seq}` });

/** A gate's journal and the fleet's ledger, with the way between them in the test's hand. */
function openShipping() {
  const journal: LedgerLine[] = [];
  const ledger = new Map<number, string>();
  const faults: unknown[] = [];
  let acknowledged = 0;
  let offered = 0;
  const way = { beforeAppend: async () => {} };
  const ship = createLedgerShipping({
    store: {
      async append(lines) {
        await way.beforeAppend();
        for (const { seq, line } of lines) ledger.set(seq, line);
      },
    },
    async journal(stored) {
      if (stored) acknowledged = offered;
      offered = Math.min(acknowledged + 2, journal.length);
      return { lines: journal.slice(acknowledged, offered), heads: [] };
    },
    onFault: (error) => void faults.push(error),
  });
  return { journal, ledger, faults, way, ship };
}

describe("the shipping of a journal to the ledger", () => {
  it("goes on until all that is there is shipped", async () => {
    const { journal, ledger, ship } = openShipping();
    journal.push(...[1, 2, 3, 4, 5].map(lineOf));
    await ship();
    expect([...ledger.keys()]).toEqual([1, 2, 3, 4, 5]);
  });

  it("resolves for a call during a shipment when what stood there at the call is shipped", async () => {
    const { journal, ledger, way, ship } = openShipping();
    const held = deferred();
    way.beforeAppend = () => held.promise;
    const empty = ship();
    await settled();
    journal.push(lineOf(1));
    const last = ship();
    held.resolve();
    await Promise.all([empty, last]);
    expect([...ledger.keys()]).toEqual([1]);
  });

  it("tells of a fault, rejects for nobody, and ships what is left when it is asked next", async () => {
    const { journal, ledger, faults, way, ship } = openShipping();
    journal.push(lineOf(1));
    const away = new Error("the database is away");
    way.beforeAppend = () => Promise.reject(away);
    await ship();
    expect([faults, ledger.size]).toEqual([[away], 0]);
    way.beforeAppend = async () => {};
    await ship();
    expect([...ledger.keys()]).toEqual([1]);
  });
});
