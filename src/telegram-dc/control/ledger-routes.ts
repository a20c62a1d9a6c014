import type { Controlled, Route } from "./route.ts";

/** Routes that read the ledger. */
export function createLedgerRoutes({ ledger, phone, protocolStats }: Controlled): Route[] {
  const idOf = (name: string | undefined): bigint | undefined =>
    name === undefined ? undefined : phone.user(name).id;
  return [
    {
      method: "GET",
      path: "/ledger",
      fields: [],
      answer: () => ({ ...ledger.summary(), protocol: protocolStats }),
    },
    {
      method: "GET",
      path: "/ledger/overlaps",
      fields: [],
      answer: () => ({ ...ledger.overlaps(), intervals: ledger.overlapList() }),
    },
    {
      method: "GET",
      path: "/ledger/connections",
      fields: ["open"],
      answer: ({ fields }) => ({
        connections: ledger.connections({ open: fields.optionalFlag("open") ?? false }),
      }),
    },
    {
      method: "GET",
      path: "/ledger/keys",
      fields: [],
      answer: () => ({ events: ledger.keyEvents() }),
    },
    {
      method: "GET",
      path: "/ledger/rpcs",
      fields: [],
      answer: () => ({ rpcs: ledger.rpcs() }),
    },
    {
      method: "GET",
      path: "/ledger/messages",
      fields: ["from", "to", "after"],
      answer({ fields }) {
        const from = idOf(fields.optionalName("from"));
        const to = idOf(fields.optionalName("to"));
        const after = fields.optionalInt("after");
        return { messages: ledger.messages({ from, to, after }) };
      },
    },
  ];
}
