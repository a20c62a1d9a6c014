import { expect } from "vitest";
import type { SiteManagerEvent, siteManagerMachine } from "../../machines/site-manager.ts";
import type { Site } from "../../src/bots/site-manager/sites.ts";
import type { Bot, BotState, Turn, TurnInput } from "../../src/ports/bot.ts";
import type { MenuChoice } from "../../src/ports/conversation-store.ts";
import type { Ask } from "./model.ts";
import type { Path } from "./paths.ts";

/** Two sites under the ids that the model's events name. */
export const pathSites: readonly Site[] = [
  {
    id: "site-1",
    name: "Nogent",
    tasks: [{ id: "nogent-1", title: "Raise the gable", status: "planned" }],
  },
  {
    id: "site-2",
    name: "Bondy",
    tasks: [{ id: "bondy-1", title: "Grout the cellar", status: "done" }],
  },
];

interface Answer {
  readonly body: string;
  readonly menu: readonly MenuChoice[];
  readonly recorded: readonly string[];
  readonly state: BotState | null;
}

/** Takes a path through a bot, as the taps or the words of a user, its state kept as JSON between turns. */
export async function runSiteManagerPath(
  bot: Bot,
  { steps }: Path<typeof siteManagerMachine>,
  by: "taps" | "words",
): Promise<void> {
  let kept: string | null = null;
  for (const [index, { event, after, asks }] of steps.entries()) {
    const name = `step ${index + 1}, ${event.type} by ${by}`;
    const answer = await takeTurn(bot, kept, by === "taps" ? tapFor(event) : wordsFor(event));
    const { value, context } = after;
    expect(answer.state, name).toMatchObject({
      machineId: "site-manager",
      state: { value, context },
    });
    for (const ask of asks) expectAnswered(ask, answer, name);
    kept = JSON.stringify(answer.state);
  }
}

async function takeTurn(bot: Bot, kept: string | null, input: TurnInput): Promise<Answer> {
  let state = kept === null ? null : (JSON.parse(kept) as BotState);
  const bodies: string[] = [];
  const menu: MenuChoice[] = [];
  const recorded: string[] = [];
  const turn: Turn = {
    id: "telegram:paths:m:1",
    account: "paths",
    session: { id: "1", decision: "SESSION_REUSED", turns: 1 },
    history: [],
    toolOutputs: [],
    input,
    state,
    setState: (next) => {
      state = next;
    },
    context: {},
    progress: null,
    beginProgress: () => {},
    addProgress: () => {},
    endProgress: () => {},
    remember: () => {},
    step: async (_name, call) => call(),
    record: (output) => recorded.push(output),
    reply: (body, choices = []) => {
      bodies.push(body);
      menu.push(...choices);
    },
    escalate: () => {},
    end: () => {},
  };
  await bot.handle(turn);
  return { body: bodies.join("\n"), menu, recorded, state };
}

function tapFor(event: SiteManagerEvent): TurnInput {
  if (event.type === "view-sites") return { kind: "action", action: "view-sites" };
  if (event.type !== "choose-site") return wordsFor(event);
  const index = pathSites.findIndex(({ id }) => id === event.siteId);
  return {
    kind: "action",
    action: "choose-site",
    item: { toolOutput: "list_projects_tool", index, value: { id: event.siteId } },
  };
}

function wordsFor(event: SiteManagerEvent): TurnInput {
  if (event.type === "stale-button") {
    return { kind: "stale-action", reason: "CHOICE_OF_OTHER_SESSION" };
  }
  const text = event.type === "choose-site" ? siteNamed(event.siteId).name : wordsOf[event.type];
  return { kind: "text", text };
}

const wordsOf = {
  hello: "Bonjour",
  "view-sites": "View Sites",
  "not-understood": "What is the weather like?",
} as const;

/** What a user must be able to read in the answer for each request of the machine. */
function expectAnswered({ type, params }: Ask, { body, menu, recorded }: Answer, name: string) {
  const labels = menu.map(({ label }) => label);
  if (type === "listSites") {
    expect(labels, name).toEqual(expect.arrayContaining(pathSites.map((site) => site.name)));
    expect(recorded, name).toEqual(["list_projects_tool"]);
  } else if (type === "listTasks") {
    const chosen: unknown = Object(params).siteId;
    for (const { id, tasks } of pathSites) {
      for (const { title } of tasks) expect(body.includes(title), name).toBe(id === chosen);
    }
  } else if (type === "explainStaleButton") {
    expect(body, name).toContain("no longer works");
  } else {
    expect(body, name).toContain(type === "greet" ? "Bonjour" : "did not understand");
    expect(labels, name).toEqual(["View Sites"]);
  }
}

function siteNamed(siteId: string): Site {
  const site = pathSites.find(({ id }) => id === siteId);
  if (site === undefined) throw new Error(`the paths name ${siteId}, which pathSites lacks`);
  return site;
}
