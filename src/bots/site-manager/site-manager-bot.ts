import type { SiteManagerEvent } from "../../../machines/site-manager.ts";
import type { Bot, Turn, TurnInput } from "../../ports/bot.ts";
import type { MenuChoice } from "../../ports/conversation-store.ts";
import { type SiteManagerEffect, stepSiteManager } from "./site-state.ts";
import { exampleSites, type Site } from "./sites.ts";

/** A part of the answer: the parts of one turn go out as one message. */
interface Part {
  readonly body: string;
  readonly menu: readonly MenuChoice[];
}

const viewSites: MenuChoice = { label: "View Sites", action: "view-sites" };
const greeting: Part = {
  body: "Bonjour! I am the site manager. What would you like to do?",
  menu: [viewSites],
};
const explanation: Part = {
  body: "I did not understand that. You can look at your sites.",
  menu: [viewSites],
};
const staleButton: Part = {
  body: "That button belongs to an earlier conversation and no longer works.",
  menu: [],
};
const greetings: ReadonlySet<string> = new Set([
  "bonjour",
  "salut",
  "hello",
  "hi",
  "hey",
  "/start",
]);

/**
 * The example bot: greeting → sites → tasks of a site. The machine decides, this file says it. Buttons and
 * numbered menus carry the same choices, so that bot and user accounts behave alike.
 */
export function createSiteManagerBot(sites: readonly Site[] = exampleSites): Bot {
  return {
    name: "site-manager",
    handle(turn) {
      const { state, siteId, effects } = stepSiteManager(turn.state, eventFor(turn.input, sites));
      turn.setState(state);
      const site = sites.find(({ id }) => id === siteId);
      const perform: Readonly<Record<SiteManagerEffect, () => Part>> = {
        greet: () => greeting,
        listSites: () => listSites(turn, sites),
        listTasks: () => listTasks(turn, site),
        explainMenu: () => explanation,
        explainStaleButton: () => staleButton,
      };
      const parts = effects.map((effect) => perform[effect]());
      turn.reply(
        parts.map(({ body }) => body).join("\n\n"),
        parts.flatMap(({ menu }) => menu),
      );
    },
  };
}

function eventFor(input: TurnInput, sites: readonly Site[]): SiteManagerEvent {
  if (input.kind === "stale-action") return { type: "stale-button" };
  if (input.kind === "text") return eventForText(input.text, sites);
  if (input.action === viewSites.action) return { type: "view-sites" };
  const siteId = input.action === "choose-site" ? siteIdOf(input.item?.value, sites) : null;
  return siteId === null ? { type: "stale-button" } : { type: "choose-site", siteId };
}

function eventForText(text: string, sites: readonly Site[]): SiteManagerEvent {
  const words = text.trim().toLowerCase();
  if (greetings.has(words.replace(/[ !.,]+$/, ""))) return { type: "hello" };
  if (words === viewSites.label.toLowerCase() || words === "sites") return { type: "view-sites" };
  const site = sites.find(({ name }) => name.toLowerCase() === words);
  return site === undefined ? { type: "not-understood" } : { type: "choose-site", siteId: site.id };
}

/** null for an item that is no site, or one that has gone since the menu was shown. */
function siteIdOf(item: unknown, sites: readonly Site[]): string | null {
  if (typeof item !== "object" || item === null || !("id" in item)) return null;
  return sites.find(({ id }) => id === item.id)?.id ?? null;
}

function listSites(turn: Turn, sites: readonly Site[]): Part {
  const output = sites.map(({ id, name, tasks }) => ({ id, name, tasks: tasks.length }));
  const toolOutputSeq = turn.record("list_projects_tool", output);
  return {
    body: "Here are your sites. Choose one to see its tasks.",
    menu: output.map(({ name }, index) => ({
      label: name,
      action: "choose-site",
      item: { toolOutputSeq, index },
    })),
  };
}

function listTasks(turn: Turn, site: Site | undefined): Part {
  const tasks = site?.tasks ?? [];
  turn.record("list_tasks_tool", tasks);
  const lines = tasks.map(({ title, status }) => `• ${title} (${status})`);
  return {
    body: [`Tasks of ${site?.name ?? "this site"}:`, ...lines].join("\n"),
    menu: [viewSites],
  };
}
