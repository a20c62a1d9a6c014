import { expect } from "vitest";
import type {
  ReportStatus,
  SiteManagerEvent,
  siteManagerMachine,
} from "../../machines/site-manager.ts";
import type { Site } from "../../src/bots/site-manager/sites.ts";
import type { Bot, BotState, Turn, TurnInput } from "../../src/ports/bot.ts";
import { textsIn } from "../../src/bots/site-manager/texts.ts";
import type {
  MenuChoice,
  ProgressUpdate,
  UserContext,
} from "../../src/ports/conversation-store.ts";
import type { Media } from "../../src/ports/media.ts";
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
  readonly context: UserContext;
  readonly progress: ProgressUpdate | null;
  readonly escalated: boolean;
}

/** State that outlives a turn. */
type Kept = Pick<Answer, "state" | "context" | "progress">;

/** Takes a path through a bot, as the taps or the words of a user, its state kept as JSON between turns. */
export async function runSiteManagerPath(
  bot: Bot,
  { steps }: Path<typeof siteManagerMachine>,
  by: "taps" | "words",
): Promise<void> {
  let kept: Kept = { state: null, context: {}, progress: null };
  for (const [index, { event, after, asks }] of steps.entries()) {
    const name = `step ${index + 1}, ${event.type} by ${by}`;
    const answer = await takeTurn(bot, kept, by === "taps" ? tapFor(event) : wordsFor(event));
    const { value, context } = after;
    expect(answer.state, name).toMatchObject({
      machineId: "site-manager",
      state: { value, context },
    });
    for (const ask of asks) expectAnswered(ask, answer, kept, name);
    kept = JSON.parse(JSON.stringify(answer)) as Kept;
  }
}

async function takeTurn(bot: Bot, kept: Kept, input: TurnInput): Promise<Answer> {
  let { state, context, progress } = kept;
  let escalated = false;
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
    get context() {
      return context;
    },
    get progress() {
      return progress;
    },
    beginProgress: (subject) => {
      progress = { subject, images: 0, comments: 0, status: null };
    },
    addProgress: ({ images = 0, comments = 0, status }) => {
      const now = progress!;
      progress = {
        subject: now.subject,
        images: now.images + images,
        comments: now.comments + comments,
        status: status ?? now.status,
      };
    },
    endProgress: () => {
      progress = null;
    },
    remember: (facts) => {
      context = { ...context, ...facts };
    },
    step: async (_name, call) => call(),
    download: async () => new Uint8Array(),
    record: (output) => recorded.push(output),
    reply: (body, choices = []) => {
      bodies.push(body);
      menu.push(...choices);
    },
    escalate: () => {
      escalated = true;
    },
    end: () => {},
  };
  await bot.handle(turn);
  return { body: bodies.join("\n"), menu, recorded, state, context, progress, escalated };
}

const plainActions: Partial<Record<SiteManagerEvent["type"], string>> = {
  "view-sites": "view-sites",
  "send-report": "send-report",
  "ask-for-person": "ask-for-person",
};

function tapFor(event: SiteManagerEvent): TurnInput {
  const plain = plainActions[event.type];
  if (plain !== undefined) return { kind: "action", action: plain };
  if (event.type === "choose-language") {
    return { kind: "action", action: `language-${event.language}` };
  }
  if (event.type === "set-status") {
    return { kind: "action", action: `status-${event.status.replace(" ", "-")}` };
  }
  if (event.type === "choose-task") {
    const item = { toolOutput: "list_tasks_tool", index: 0, value: { id: event.taskId } };
    return { kind: "action", action: "choose-task", item };
  }
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
  if (event.type === "photos") {
    return { kind: "media", media: Array.from({ length: event.count }, () => photo), caption: "" };
  }
  return { kind: "text", text: textFor(event) };
}

function textFor(event: Exclude<SiteManagerEvent, { type: "photos" | "stale-button" }>): string {
  switch (event.type) {
    case "hello":
      return "Bonjour";
    case "view-sites":
      return "View Sites";
    case "choose-site":
      return siteNamed(event.siteId).name;
    case "choose-task":
      return siteNamed(event.siteId).tasks[0]!.title;
    case "set-status":
      return textsIn.fr.statuses[event.status];
    case "send-report":
      return textsIn.en.labels.sendReport;
    case "ask-for-person":
      return textsIn.fr.labels.askForPerson;
    case "choose-language":
      return event.language === "fr" ? "Français" : "English";
    case "other-words":
      return "What is the weather like?";
  }
}

const photo: Media = {
  type: "photo",
  mimeType: "image/jpeg",
  size: 1,
  fileName: null,
  source: { kind: "url", url: "https://example.com/1.jpg" },
};

/**
 * Texts that a user must be able to read in the answer to each request of the machine, in the
 * chosen language.
 */
function expectAnswered({ type, params }: Ask, answer: Answer, before: Kept, name: string): void {
  const { body, menu, recorded, context, progress } = answer;
  const labels = menu.map(({ label }) => label);
  const texts = textsIn[context["language"] === "fr" ? "fr" : "en"];
  const given = Object(params) as Readonly<Record<string, unknown>>;
  switch (type) {
    case "greet":
      expect(body, name).toBe(texts.greeting);
      expect(labels, name).toContain(texts.labels.viewSites);
      return;
    case "listSites":
      expect(labels, name).toEqual(expect.arrayContaining(pathSites.map((site) => site.name)));
      expect(recorded, name).toEqual(["list_projects_tool"]);
      return;
    case "listTasks":
      for (const { id, tasks } of pathSites) {
        for (const { title } of tasks) {
          expect(body.includes(title), name).toBe(id === given["siteId"]);
          expect(labels.includes(title), name).toBe(id === given["siteId"]);
        }
      }
      return;
    case "beginReport":
      expect(progress, name).toMatchObject({
        subject: { taskId: given["taskId"] },
        images: 0,
        comments: 0,
        status: null,
      });
      expect(labels, name).toContain(texts.labels.sendReport);
      return;
    case "keepPhotos":
      expect(progress?.images, name).toBe((before.progress?.images ?? 0) + Number(given["count"]));
      expect(recorded, name).toEqual(["photos_of_report"]);
      return;
    case "keepComment":
      expect(progress?.comments, name).toBe((before.progress?.comments ?? 0) + 1);
      return;
    case "keepStatus":
      expect(progress?.status, name).toBe(given["status"]);
      expect(body, name).toContain(texts.statuses[given["status"] as ReportStatus]);
      return;
    case "sumUpReport":
      expect(progress, name).toBeNull();
      expect(body, name).toContain(texts.summary(before.progress!));
      return;
    case "keepLanguage":
      expect(context, name).toMatchObject({ language: given["language"] });
      return;
    case "callPerson":
      expect(answer.escalated, name).toBe(true);
      expect(body, name).toContain(texts.personCalled);
      return;
    case "explainMenu":
    case "explainPhotos":
      expect(body, name).toContain(
        type === "explainMenu" ? texts.notUnderstood : texts.photosWithoutTask,
      );
      expect(labels, name).toEqual([texts.labels.viewSites]);
      return;
    case "explainStaleButton":
      expect(body, name).toContain(texts.staleButton);
      return;
    default:
      expect.fail(`${name}: nobody says what ${type} must come to`);
  }
}

function siteNamed(siteId: string): Site {
  const site = pathSites.find(({ id }) => id === siteId);
  if (site === undefined) throw new Error(`the paths name ${siteId}, which pathSites lacks`);
  return site;
}
