import { assign, setup } from "xstate";
import { effect } from "./effect.ts";

/**
 * The conversation of one chat user with one account. At most one session is open at a time (I3);
 * ended and expired sessions stay as history. A node follows this machine: its statements, cache
 * and turns read `conversationRules` of it. A session is open where a message reuses it or is kept
 * for a person. Where a message creates a session, there is none, or the newest one is over.
 */
export interface ConversationContext {
  /** How many sessions this user has had, the open one included. */
  readonly sessions: number;
  /** Turns taken in the newest session. */
  readonly turns: number;
}

export type ConversationEvent =
  | { readonly type: "inbound" }
  | { readonly type: "inactive" }
  | { readonly type: "escalate" }
  | { readonly type: "resolve" }
  | { readonly type: "end" };

const conversationEffects = {
  sessionCreated: effect<{ readonly why: "first-contact" | "after-end" | "after-expiry" }>(),
  sessionReused: effect<undefined>(),
  sessionKeptForHuman: effect<undefined>(),
  /** The bot answers again, and its next turn is told so. */
  sessionReturned: effect<undefined>(),
};

export const conversationMachine = setup({
  types: { context: {} as ConversationContext, events: {} as ConversationEvent },
  actions: {
    ...conversationEffects,
    openSession: assign({ sessions: ({ context }) => context.sessions + 1, turns: 1 }),
    takeTurn: assign({ turns: ({ context }) => context.turns + 1 }),
  },
}).createMachine({
  id: "conversation",
  description: "The sessions of one chat user with one account; at most one is open.",
  context: { sessions: 0, turns: 0 },
  initial: "absent",
  states: {
    absent: {
      on: {
        inbound: {
          target: "active",
          actions: ["openSession", { type: "sessionCreated", params: { why: "first-contact" } }],
        },
      },
    },
    active: {
      on: {
        inbound: { actions: ["takeTurn", "sessionReused"] },
        inactive: "expired",
        escalate: "escalated",
        // Told twice is told once.
        resolve: "active",
        end: "ended",
      },
    },
    escalated: {
      on: {
        inbound: { actions: ["takeTurn", "sessionKeptForHuman"] },
        escalate: "escalated",
        resolve: { target: "active", actions: "sessionReturned" },
        end: "ended",
      },
    },
    ended: {
      on: {
        inbound: {
          target: "active",
          actions: ["openSession", { type: "sessionCreated", params: { why: "after-end" } }],
        },
      },
    },
    expired: {
      on: {
        inbound: {
          target: "active",
          actions: ["openSession", { type: "sessionCreated", params: { why: "after-expiry" } }],
        },
      },
    },
  },
});
