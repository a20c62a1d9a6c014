import { assign, setup } from "xstate";
import { effect } from "./effect.ts";

/**
 * The conversation of one chat user with one account: at most one session is open at a time (I3), and
 * sessions that ended, expired or were escalated stay as history. Postgres decides; this machine says
 * what it may decide. The codes of its effects are the codes of the log lines and events.
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
  description: "The sessions of one chat user with one account, of which at most one is open.",
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
        end: "ended",
      },
    },
    escalated: {
      on: {
        inbound: { actions: ["takeTurn", "sessionKeptForHuman"] },
        resolve: "active",
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
