import { assign, setup } from "xstate";
import { effect } from "../../../machines/effect.ts";

export const reportStatuses = ["planned", "in progress", "done"] as const;
export type ReportStatus = (typeof reportStatuses)[number];

export const siteManagerLanguages = ["en", "fr"] as const;
export type SiteManagerLanguage = (typeof siteManagerLanguages)[number];

/**
 * The example bot's side of a conversation: greeting → sites → tasks of a site → a report on one task. It is stepped
 * once per turn and its state is kept in the session, so that it survives restarts, moves and renewals.
 */
export type SiteManagerEvent =
  | { readonly type: "hello" }
  | { readonly type: "view-sites" }
  | { readonly type: "choose-site"; readonly siteId: string }
  | { readonly type: "choose-task"; readonly siteId: string; readonly taskId: string }
  | { readonly type: "photos"; readonly count: number }
  | { readonly type: "set-status"; readonly status: ReportStatus }
  | { readonly type: "send-report" }
  | { readonly type: "choose-language"; readonly language: SiteManagerLanguage }
  | { readonly type: "ask-for-person" }
  /** Words that are none of the bot's: a comment while a person reports. */
  | { readonly type: "other-words" }
  | { readonly type: "stale-button" };

export const siteManagerEffects = {
  greet: effect<undefined>(),
  listSites: effect<undefined>(),
  listTasks: effect<{ readonly siteId: string | null }>(),
  beginReport: effect<{ readonly taskId: string }>(),
  keepPhotos: effect<{ readonly count: number }>(),
  keepComment: effect<undefined>(),
  keepStatus: effect<{ readonly status: ReportStatus }>(),
  sumUpReport: effect<undefined>(),
  keepLanguage: effect<{ readonly language: SiteManagerLanguage }>(),
  callPerson: effect<undefined>(),
  explainMenu: effect<undefined>(),
  explainPhotos: effect<undefined>(),
  explainStaleButton: effect<undefined>(),
};

interface SiteManagerContext {
  /** The site whose tasks are shown or reported on. */
  readonly siteId: string | null;
  /** The task that is reported on. */
  readonly taskId: string | null;
}

export const siteManagerMachine = setup({
  types: {
    context: {} as SiteManagerContext,
    events: {} as SiteManagerEvent,
  },
  actions: {
    ...siteManagerEffects,
    rememberSite: assign({
      siteId: ({ context, event }) => ("siteId" in event ? event.siteId : context.siteId),
      taskId: null,
    }),
    rememberTask: assign({
      taskId: ({ context, event }) => ("taskId" in event ? event.taskId : context.taskId),
    }),
    forgetTask: assign({ taskId: null }),
    forgetSite: assign({ siteId: null, taskId: null }),
  },
}).createMachine({
  id: "site-manager",
  description:
    "The example bot's place in a conversation: greeting, sites, tasks of a site, report on a task.",
  context: { siteId: null, taskId: null },
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
    "choose-task": {
      target: ".reporting",
      actions: [
        "rememberSite",
        "rememberTask",
        { type: "beginReport", params: ({ event }) => ({ taskId: event.taskId }) },
      ],
    },
    "choose-language": {
      target: ".greeting",
      actions: [
        "forgetSite",
        { type: "keepLanguage", params: ({ event }) => ({ language: event.language }) },
        "greet",
      ],
    },
    "ask-for-person": { actions: "callPerson" },
    photos: { actions: "explainPhotos" },
    "set-status": { actions: "explainMenu" },
    "send-report": { actions: "explainMenu" },
    "other-words": { actions: "explainMenu" },
    "stale-button": {
      target: ".sites",
      actions: ["forgetSite", "explainStaleButton", "listSites"],
    },
  },
  states: {
    greeting: {},
    sites: {},
    tasks: {},
    reporting: {
      on: {
        photos: {
          actions: { type: "keepPhotos", params: ({ event }) => ({ count: event.count }) },
        },
        "other-words": { actions: "keepComment" },
        "set-status": {
          actions: { type: "keepStatus", params: ({ event }) => ({ status: event.status }) },
        },
        "send-report": {
          target: "tasks",
          actions: [
            "forgetTask",
            "sumUpReport",
            { type: "listTasks", params: ({ context }) => ({ siteId: context.siteId }) },
          ],
        },
      },
    },
  },
});
