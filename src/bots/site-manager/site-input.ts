import {
  type ReportStatus,
  reportStatuses,
  type SiteManagerEvent,
  type SiteManagerLanguage,
  siteManagerLanguages,
} from "./machine.ts";
import type { TurnInput } from "../../ports/conversation/bot.ts";
import type { UserContext } from "../../ports/conversation/conversation-store.ts";
import type { Site } from "./sites.ts";
import { textsIn } from "./texts.ts";
import type { Media } from "../../ports/telegram/media.ts";

/** The actions of the bot's menus. */
export const actionOf = {
  viewSites: "view-sites",
  chooseSite: "choose-site",
  chooseTask: "choose-task",
  sendReport: "send-report",
  askForPerson: "ask-for-person",
} as const;

export const statusActions: Readonly<Record<ReportStatus, string>> = {
  planned: "status-planned",
  "in progress": "status-in-progress",
  done: "status-done",
};

export const languageActions: Readonly<Record<SiteManagerLanguage, string>> = {
  en: "language-en",
  fr: "language-fr",
};

/**
 * The user's wish, by a choice or in words. The words of every language are known in every
 * language.
 */
export function eventFor(input: TurnInput, sites: readonly Site[]): SiteManagerEvent {
  switch (input.kind) {
    // It does not ask for this.
    case "undeliverable":
    case "stale-action":
      return { type: "stale-button" };
    case "media": {
      const { length: count } = photosIn(input);
      return count > 0 ? { type: "photos", count } : eventForText(input.caption, sites);
    }
    case "text":
      return eventForText(input.text, sites);
    case "action":
      return eventForAction(input, sites);
  }
}

/** The user's language; English until one is chosen. */
export const languageOf = ({ language }: UserContext): SiteManagerLanguage =>
  siteManagerLanguages.find((one) => one === language) ?? "en";

/** Photos and files; a place or a contact is none of a report's. */
export const photosIn = (input: TurnInput): readonly Media[] =>
  input.kind === "media"
    ? input.media.filter(({ type }) => type === "photo" || type === "file")
    : [];

function eventForAction(
  { action, item }: Extract<TurnInput, { kind: "action" }>,
  sites: readonly Site[],
): SiteManagerEvent {
  const plain = plainEvents.get(action);
  if (plain !== undefined) return plain;
  const id = idOf(item?.value);
  if (action === actionOf.chooseSite && sites.some((site) => site.id === id)) {
    return { type: "choose-site", siteId: id };
  }
  const site = sites.find(({ tasks }) => tasks.some((task) => task.id === id));
  return action === actionOf.chooseTask && site !== undefined
    ? { type: "choose-task", siteId: site.id, taskId: id }
    : { type: "stale-button" };
}

const plainEvents: ReadonlyMap<string, SiteManagerEvent> = new Map<string, SiteManagerEvent>([
  [actionOf.viewSites, { type: "view-sites" }],
  [actionOf.sendReport, { type: "send-report" }],
  [actionOf.askForPerson, { type: "ask-for-person" }],
  ...reportStatuses.map(
    (status) => [statusActions[status], { type: "set-status", status }] as const,
  ),
  ...siteManagerLanguages.map(
    (language) => [languageActions[language], { type: "choose-language", language }] as const,
  ),
]);

/** Labels, as people without buttons type them. */
const wordEvents: ReadonlyMap<string, SiteManagerEvent> = new Map(
  siteManagerLanguages.flatMap(wordsIn).map(([words, event]) => [words.toLowerCase(), event]),
);

function wordsIn(language: SiteManagerLanguage): readonly (readonly [string, SiteManagerEvent])[] {
  const { greetings, sitesWord, labels, statuses } = textsIn[language];
  const other = language === "en" ? "fr" : "en";
  return [
    ...greetings.map((word) => [word, { type: "hello" }] as const),
    [sitesWord, { type: "view-sites" }],
    [labels.viewSites, { type: "view-sites" }],
    [labels.sendReport, { type: "send-report" }],
    [labels.askForPerson, { type: "ask-for-person" }],
    [labels.otherLanguage, { type: "choose-language", language: other }],
    [`/${language}`, { type: "choose-language", language }],
    ...reportStatuses.map((status) => [statuses[status], { type: "set-status", status }] as const),
  ];
}

function eventForText(text: string, sites: readonly Site[]): SiteManagerEvent {
  const words = text.trim().toLowerCase();
  const known = wordEvents.get(words) ?? wordEvents.get(words.replace(/[ !.,]+$/, ""));
  if (known !== undefined) return known;
  const site = sites.find(({ name }) => name.toLowerCase() === words);
  if (site !== undefined) return { type: "choose-site", siteId: site.id };
  for (const { id: siteId, tasks } of sites) {
    const task = tasks.find(({ title }) => title.toLowerCase() === words);
    if (task !== undefined) return { type: "choose-task", siteId, taskId: task.id };
  }
  return { type: "other-words" };
}

/** Empty for anything but an item with an id. */
const idOf = (value: unknown): string =>
  typeof value === "object" && value !== null && "id" in value && typeof value.id === "string"
    ? value.id
    : "";
