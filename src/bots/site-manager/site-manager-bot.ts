import { type ReportStatus, reportStatuses, type SiteManagerLanguage } from "./machine.ts";
import type { Bot, Turn } from "../../ports/conversation/bot.ts";
import type { MenuChoice } from "../../ports/conversation/conversation-store.ts";
import {
  actionOf,
  eventFor,
  languageActions,
  languageOf,
  photosIn,
  statusActions,
} from "./site-input.ts";
import { type SiteManagerEffect, stepSiteManager } from "./site-state.ts";
import { exampleSites, type Site, type Task } from "./sites.ts";
import { type Texts, textsIn } from "./texts.ts";

/** A part of the answer; the parts of one turn go out as one message. */
interface Part {
  readonly body: string;
  readonly menu: readonly MenuChoice[];
}

/** The material for the answers of one turn. */
interface Scene {
  readonly turn: Turn;
  readonly sites: readonly Site[];
  readonly site: Site | undefined;
  readonly task: Task | undefined;
  readonly texts: Texts;
  readonly language: SiteManagerLanguage;
}

type Say = (scene: Scene) => Part | null;

/**
 * The example bot: greeting → sites → tasks of a site → a report with photos, comments and a
 * status, in two languages, with escalation to a person. The machine decides; this file writes the
 * answers. Buttons and numbered menus carry the same choices.
 */
export function createSiteManagerBot(sites: readonly Site[] = exampleSites): Bot {
  return {
    name: "site-manager",
    handle(turn) {
      const event = eventFor(turn.input, sites);
      const { state, siteId, taskId, effects } = stepSiteManager(turn.state, event);
      turn.setState(state);
      // The answer to a choice of language comes in that language.
      if (event.type === "choose-language") turn.remember({ language: event.language });
      const language = languageOf(turn.context);
      const site = sites.find(({ id }) => id === siteId);
      const task = site?.tasks.find(({ id }) => id === taskId);
      const scene = { turn, sites, site, task, texts: textsIn[language], language };
      const parts = effects.flatMap((effect) => says[effect](scene) ?? []);
      turn.reply(
        parts.map(({ body }) => body).join("\n\n"),
        parts.flatMap(({ menu }) => menu),
      );
    },
  };
}

const says: Readonly<Record<SiteManagerEffect, Say>> = {
  greet: ({ texts, language }) => ({
    body: texts.greeting,
    menu: [
      viewSites(texts),
      {
        label: texts.labels.otherLanguage,
        action: languageActions[language === "en" ? "fr" : "en"],
      },
      { label: texts.labels.askForPerson, action: actionOf.askForPerson },
    ],
  }),
  listSites,
  listTasks,
  beginReport,
  keepPhotos({ turn, texts }) {
    const { input } = turn;
    const media = photosIn(input);
    const hasCaption = input.kind === "media" && input.caption.trim() !== "";
    turn.record("photos_of_report", media);
    turn.addProgress({ images: media.length, comments: hasCaption ? 1 : 0 });
    return reported(turn, texts);
  },
  keepComment({ turn, texts }) {
    turn.addProgress({ comments: 1 });
    return reported(turn, texts);
  },
  keepStatus({ turn, texts }) {
    const event = eventFor(turn.input, []);
    if (event.type === "set-status") turn.addProgress({ status: event.status });
    return reported(turn, texts);
  },
  sumUpReport({ turn, texts }) {
    const report = turn.progress ?? { images: 0, comments: 0, status: null };
    turn.endProgress();
    return { body: texts.summary(report), menu: [] };
  },
  keepLanguage: () => null,
  callPerson({ turn, texts }) {
    turn.escalate();
    return { body: texts.personCalled, menu: [] };
  },
  explainMenu: ({ texts }) => ({ body: texts.notUnderstood, menu: [viewSites(texts)] }),
  explainPhotos: ({ texts }) => ({ body: texts.photosWithoutTask, menu: [viewSites(texts)] }),
  explainStaleButton: ({ texts }) => ({ body: texts.staleButton, menu: [] }),
};

const viewSites = ({ labels }: Texts): MenuChoice => ({
  label: labels.viewSites,
  action: actionOf.viewSites,
});

function listSites({ turn, sites, texts }: Scene): Part {
  const output = sites.map(({ id, name, tasks }) => ({ id, name, tasks: tasks.length }));
  const toolOutputSeq = turn.record("list_projects_tool", output);
  return {
    body: texts.chooseSite,
    menu: output.map(({ name }, index) => ({
      label: name,
      action: actionOf.chooseSite,
      item: { toolOutputSeq, index },
    })),
  };
}

function listTasks({ turn, site, texts }: Scene): Part {
  const tasks = site?.tasks ?? [];
  const toolOutputSeq = turn.record("list_tasks_tool", tasks);
  const lines = tasks.map(({ title, status }) => `• ${title} (${texts.statuses[status]})`);
  return {
    body: [texts.tasksOf(site?.name ?? texts.thisSite), ...lines].join("\n"),
    menu: [
      ...tasks.map(({ title }, index) => ({
        label: title,
        action: actionOf.chooseTask,
        item: { toolOutputSeq, index },
      })),
      viewSites(texts),
    ],
  };
}

function beginReport({ turn, site, task, texts }: Scene): Part {
  turn.beginProgress({ siteId: site?.id ?? null, taskId: task?.id ?? null });
  return { body: texts.reportBegun(task?.title ?? ""), menu: reportMenu(texts) };
}

/** The report's present place. A restarted session may have lost the report that it continued. */
function reported({ progress }: Turn, texts: Texts): Part {
  const report = progress ?? { images: 0, comments: 0, status: null };
  return { body: texts.kept(report), menu: reportMenu(texts) };
}

const reportMenu = (texts: Texts): readonly MenuChoice[] => [
  ...reportStatuses.map((status: ReportStatus) => ({
    label: texts.statuses[status],
    action: statusActions[status],
  })),
  { label: texts.labels.sendReport, action: actionOf.sendReport },
  viewSites(texts),
];
