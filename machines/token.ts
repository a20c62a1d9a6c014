import { type AnyStateMachine, assign, initialTransition, setup, transition } from "xstate";
import { type Row, statesOf, statesTagged, tableOf } from "./rules.ts";

/**
 * The right to connect with one authorisation (account, slot). Postgres keeps the row and arbitrates;
 * this machine says which changes are allowed, and the statements are built from its table (`tokenRules`). Each grant
 * mints the next epoch, and no epoch ever connects again once it was cut. Source: the custody protocol in
 * docs/architecture/custody.md.
 */
export interface TokenContext {
  readonly epoch: number;
  readonly incarnation: string | null;
  /** The state that a revocation interrupted; null while the holder is not revoked. */
  readonly heldAs: "granted" | "connected" | "draining" | null;
}

export type TokenEvent =
  | { readonly type: "grant"; readonly incarnation: string }
  /** After a restore: this grant's epoch was used before, up to `floor`; it goes on above it. */
  | {
      readonly type: "superseded";
      readonly epoch: number;
      readonly incarnation: string;
      readonly floor: number;
    }
  | { readonly type: "connected"; readonly epoch: number }
  | { readonly type: "drain"; readonly epoch: number }
  | { readonly type: "released"; readonly epoch: number }
  | { readonly type: "revoked"; readonly incarnation: string }
  | { readonly type: "silenced"; readonly incarnation: string };

export type TokenState = "free" | "granted" | "connected" | "draining" | "revoked";

/** On the states in which the holder's writes count: update cursors, claims of replies. */
const mayWrite = "mayWrite";

export const tokenMachine = setup({
  types: {
    context: {} as TokenContext,
    events: {} as TokenEvent,
    input: {} as { readonly epoch?: number },
    tags: {} as typeof mayWrite,
  },
  guards: {
    ofThisEpoch: ({ context, event }) => "epoch" in event && event.epoch === context.epoch,
    ofTheHolder: ({ context, event }) =>
      "incarnation" in event && event.incarnation === context.incarnation,
    ofThisGrantUpToItsFloor: ({ context, event }) =>
      "floor" in event &&
      event.epoch === context.epoch &&
      event.incarnation === context.incarnation &&
      event.floor >= context.epoch,
  },
  actions: {
    mintEpoch: assign({
      epoch: ({ context }) => context.epoch + 1,
      incarnation: ({ event }) => ("incarnation" in event ? event.incarnation : null),
    }),
    mintAboveFloor: assign({
      epoch: ({ context, event }) => ("floor" in event ? event.floor + 1 : context.epoch),
    }),
    forgetHolder: assign({ incarnation: null, heldAs: null }),
    rememberGranted: assign({ heldAs: "granted" }),
    rememberConnected: assign({ heldAs: "connected" }),
    rememberDraining: assign({ heldAs: "draining" }),
  },
}).createMachine({
  id: "token",
  description:
    "The right to connect with one authorisation: its holder, its epoch, and the known state of the holder.",
  context: ({ input }) => ({ epoch: input.epoch ?? 0, incarnation: null, heldAs: null }),
  initial: "free",
  states: {
    free: { on: { grant: { target: "granted", actions: "mintEpoch" } } },
    granted: {
      on: {
        superseded: {
          guard: "ofThisGrantUpToItsFloor",
          target: "granted",
          actions: "mintAboveFloor",
        },
        connected: { guard: "ofThisEpoch", target: "connected" },
        released: { guard: "ofThisEpoch", target: "free", actions: "forgetHolder" },
        revoked: { guard: "ofTheHolder", target: "revoked", actions: "rememberGranted" },
      },
    },
    connected: {
      tags: mayWrite,
      on: {
        drain: { guard: "ofThisEpoch", target: "draining" },
        released: { guard: "ofThisEpoch", target: "free", actions: "forgetHolder" },
        revoked: { guard: "ofTheHolder", target: "revoked", actions: "rememberConnected" },
      },
    },
    draining: {
      tags: mayWrite,
      on: {
        released: { guard: "ofThisEpoch", target: "free", actions: "forgetHolder" },
        revoked: { guard: "ofTheHolder", target: "revoked", actions: "rememberDraining" },
      },
    },
    revoked: {
      on: { silenced: { guard: "ofTheHolder", target: "free", actions: "forgetHolder" } },
    },
  },
});

/** A token as far as the machine knows it. */
export interface TokenNow extends TokenContext {
  readonly state: TokenState;
}

/** The next moves of a token, read from its machine once at start. */
export interface TokenRules {
  /** In the order of the machine's file, as are all lists here. */
  readonly states: readonly TokenState[];
  readonly rows: readonly Row[];
  /** The states that an event may leave. */
  leaves(event: TokenEvent["type"]): readonly TokenState[];
  /** The state that an event enters from that one; null where the event may not leave it. */
  enters(event: TokenEvent["type"], from: TokenState): TokenState | null;
  /** The states in which the holder's writes count. */
  readonly writing: readonly TokenState[];
  /** The token of a new slot. */
  readonly first: TokenNow;
  /** The token after an event, guards included; null where the machine refuses it. */
  next(token: TokenNow, event: TokenEvent): TokenNow | null;
}

/**
 * The rules of the token machine, or of a changed one. Its names are those of the token's column in Postgres.
 * Throws for a machine whose state is not one name.
 */
export function tokenRules(machine: AnyStateMachine): TokenRules {
  const rows = tableOf(machine);
  const named = (states: readonly string[]) => states as readonly TokenState[];
  const tokenOf = ({ value, context }: { value: unknown; context: unknown }): TokenNow => ({
    ...(context as TokenContext),
    state: value as TokenState,
  });
  return {
    rows,
    states: named(statesOf(machine)),
    leaves: (event) => named(rows.filter((row) => row.event === event).map(({ from }) => from)),
    enters(event, from) {
      const row = rows.find((one) => one.event === event && one.from === from);
      return row === undefined ? null : (row.to as TokenState);
    },
    writing: named(statesTagged(machine, mayWrite)),
    first: tokenOf(initialTransition(machine, {})[0]),
    next({ state, epoch, incarnation, heldAs }, event) {
      const now = machine.resolveState({ value: state, context: { epoch, incarnation, heldAs } });
      return now.can(event) ? tokenOf(transition(machine, now, event)[0]) : null;
    },
  };
}
