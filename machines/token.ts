import { assign, setup } from "xstate";

/**
 * The right to connect with one authorisation (account, slot). Postgres keeps the row and arbitrates;
 * this machine says which changes are allowed. Each grant mints the next epoch, and no epoch ever
 * connects again once it was cut. Source: the custody protocol in ARCHITECTURE.md.
 */
export interface TokenContext {
  readonly epoch: number;
  readonly incarnation: string | null;
  /** The state that a suspicion interrupted; null when the holder is not suspected. */
  readonly heldAs: "granted" | "connected" | "draining" | null;
}

export type TokenEvent =
  | { readonly type: "grant"; readonly incarnation: string }
  | { readonly type: "connected"; readonly epoch: number }
  | { readonly type: "connect.expired"; readonly epoch: number }
  | { readonly type: "drain"; readonly epoch: number }
  | { readonly type: "released"; readonly epoch: number }
  | { readonly type: "suspected"; readonly incarnation: string }
  | { readonly type: "recovered"; readonly incarnation: string }
  | { readonly type: "revoked"; readonly incarnation: string }
  | { readonly type: "silenced"; readonly incarnation: string };

export type TokenState = "free" | "granted" | "connected" | "draining" | "suspect" | "revoked";

export const tokenMachine = setup({
  types: {
    context: {} as TokenContext,
    events: {} as TokenEvent,
    input: {} as { readonly epoch?: number },
  },
  guards: {
    ofThisEpoch: ({ context, event }) => "epoch" in event && event.epoch === context.epoch,
    ofTheHolder: ({ context, event }) =>
      "incarnation" in event && event.incarnation === context.incarnation,
    ofTheHolderAsGranted: ({ context, event }) =>
      "incarnation" in event &&
      event.incarnation === context.incarnation &&
      context.heldAs === "granted",
    ofTheHolderAsConnected: ({ context, event }) =>
      "incarnation" in event &&
      event.incarnation === context.incarnation &&
      context.heldAs === "connected",
    ofTheHolderAsDraining: ({ context, event }) =>
      "incarnation" in event &&
      event.incarnation === context.incarnation &&
      context.heldAs === "draining",
  },
  actions: {
    mintEpoch: assign({
      epoch: ({ context }) => context.epoch + 1,
      incarnation: ({ event }) => ("incarnation" in event ? event.incarnation : null),
    }),
    forgetHolder: assign({ incarnation: null, heldAs: null }),
    rememberGranted: assign({ heldAs: "granted" }),
    rememberConnected: assign({ heldAs: "connected" }),
    rememberDraining: assign({ heldAs: "draining" }),
    forgetSuspicion: assign({ heldAs: null }),
  },
}).createMachine({
  id: "token",
  description:
    "The right to connect with one authorisation: who holds it, under which epoch, and what is known of the holder.",
  context: ({ input }) => ({ epoch: input.epoch ?? 0, incarnation: null, heldAs: null }),
  initial: "free",
  states: {
    free: { on: { grant: { target: "granted", actions: "mintEpoch" } } },
    granted: {
      on: {
        connected: { guard: "ofThisEpoch", target: "connected" },
        "connect.expired": { guard: "ofThisEpoch", target: "free", actions: "forgetHolder" },
        released: { guard: "ofThisEpoch", target: "free", actions: "forgetHolder" },
        suspected: { guard: "ofTheHolder", target: "suspect", actions: "rememberGranted" },
      },
    },
    connected: {
      on: {
        drain: { guard: "ofThisEpoch", target: "draining" },
        released: { guard: "ofThisEpoch", target: "free", actions: "forgetHolder" },
        suspected: { guard: "ofTheHolder", target: "suspect", actions: "rememberConnected" },
      },
    },
    draining: {
      on: {
        released: { guard: "ofThisEpoch", target: "free", actions: "forgetHolder" },
        suspected: { guard: "ofTheHolder", target: "suspect", actions: "rememberDraining" },
      },
    },
    suspect: {
      on: {
        recovered: [
          { guard: "ofTheHolderAsGranted", target: "granted", actions: "forgetSuspicion" },
          { guard: "ofTheHolderAsConnected", target: "connected", actions: "forgetSuspicion" },
          { guard: "ofTheHolderAsDraining", target: "draining", actions: "forgetSuspicion" },
        ],
        revoked: { guard: "ofTheHolder", target: "revoked" },
      },
    },
    revoked: {
      on: { silenced: { guard: "ofTheHolder", target: "free", actions: "forgetHolder" } },
    },
  },
});
