import { assign, setup } from "xstate";
import { effect } from "./effect.ts";

/**
 * The example bot's side of a conversation: greeting → sites → tasks of a site. It is stepped once per
 * turn and its state is kept in the session, so that it survives restarts, moves and renewals.
 */
export type SiteManagerEvent =
  | { readonly type: "hello" }
  | { readonly type: "view-sites" }
  | { readonly type: "choose-site"; readonly siteId: string }
  | { readonly type: "not-understood" }
  | { readonly type: "stale-button" };

export const siteManagerEffects = {
  greet: effect<undefined>(),
  listSites: effect<undefined>(),
  listTasks: effect<{ readonly siteId: string }>(),
  explainMenu: effect<undefined>(),
  explainStaleButton: effect<undefined>(),
};

export const siteManagerMachine = setup({
  types: {
    context: {} as { readonly siteId: string | null },
    events: {} as SiteManagerEvent,
  },
  actions: {
    ...siteManagerEffects,
    rememberSite: assign({
      siteId: ({ context, event }) =>
        event.type === "choose-site" ? event.siteId : context.siteId,
    }),
    forgetSite: assign({ siteId: null }),
  },
}).createMachine({
  id: "site-manager",
  description: "The example bot's place in a conversation: greeting, sites, tasks of a site.",
  context: { siteId: null },
  initial: "greeting",
  on: {
    hello: { target: ".greeting", actions: ["forgetSite", "greet"] },
    "view-sites": { target: ".sites", actions: ["forgetSite", "listSites"] },
    "choose-site": {
      target: ".tasks",
      actions: [
        "rememberSite",
        { type: "listTasks", params: ({ event }) => ({ siteId: event.siteId }) },
      ],
    },
    "not-understood": { actions: "explainMenu" },
    "stale-button": {
      target: ".sites",
      actions: ["forgetSite", "explainStaleButton", "listSites"],
    },
  },
  states: { greeting: {}, sites: {}, tasks: {} },
});
