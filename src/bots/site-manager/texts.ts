import type { ReportStatus, SiteManagerLanguage } from "./machine.ts";

/** The bot's sentences and labels in one language. */
export interface Texts {
  readonly greeting: string;
  /** In lower case, like all words to look for. */
  readonly greetings: readonly string[];
  readonly sitesWord: string;
  readonly notUnderstood: string;
  readonly photosWithoutTask: string;
  readonly staleButton: string;
  readonly chooseSite: string;
  readonly thisSite: string;
  tasksOf(site: string): string;
  reportBegun(task: string): string;
  kept(report: Counted): string;
  summary(report: Counted): string;
  readonly personCalled: string;
  readonly statuses: Readonly<Record<ReportStatus, string>>;
  readonly labels: {
    readonly viewSites: string;
    readonly sendReport: string;
    readonly askForPerson: string;
    /** Names the other language in that language. */
    readonly otherLanguage: string;
  };
}

export interface Counted {
  readonly images: number;
  readonly comments: number;
  readonly status: string | null;
}

const english: Texts = {
  greeting: "Bonjour! I am the site manager. What would you like to do?",
  greetings: ["hello", "hi", "hey", "/start"],
  sitesWord: "sites",
  notUnderstood: "I did not understand that. You can look at your sites.",
  photosWithoutTask:
    "Thank you. Which task does it belong to? Choose the site, then the task, and send it again.",
  staleButton: "That button belongs to an earlier conversation and no longer works.",
  chooseSite: "Here are your sites. Choose one to see its tasks.",
  thisSite: "this site",
  tasksOf: (site) => `Tasks of ${site}:`,
  reportBegun: (task) =>
    `Your report on “${task}” begins. Send photos and comments, choose a status, then send the report.`,
  kept: (report) => `Noted: ${countedIn(english, "photo", "comment", report)}.`,
  summary: (report) =>
    `Thank you. Your report is kept: ${countedIn(english, "photo", "comment", report)}.`,
  personCalled: "A person will answer you here. Until then I keep what you write.",
  statuses: { planned: "planned", "in progress": "in progress", done: "done" },
  labels: {
    viewSites: "View Sites",
    sendReport: "Send the report",
    askForPerson: "Talk to a person",
    otherLanguage: "Français",
  },
};

const french: Texts = {
  greeting: "Bonjour ! Je suis le responsable de chantier. Que voulez-vous faire ?",
  greetings: ["bonjour", "salut"],
  sitesWord: "chantiers",
  notUnderstood: "Je n'ai pas compris. Vous pouvez voir vos chantiers.",
  photosWithoutTask:
    "Merci. Pour quelle tâche ? Choisissez le chantier, puis la tâche, et renvoyez-la.",
  staleButton: "Ce bouton vient d'une conversation précédente et ne fonctionne plus.",
  chooseSite: "Voici vos chantiers. Choisissez-en un pour voir ses tâches.",
  thisSite: "ce chantier",
  tasksOf: (site) => `Tâches de ${site} :`,
  reportBegun: (task) =>
    `Votre rapport sur « ${task} » commence. Envoyez photos et commentaires, choisissez un état, puis envoyez le rapport.`,
  kept: (report) => `Noté : ${countedIn(french, "photo", "commentaire", report)}.`,
  summary: (report) =>
    `Merci. Votre rapport est conservé : ${countedIn(french, "photo", "commentaire", report)}.`,
  personCalled: "Une personne vous répondra ici. D'ici là, je garde ce que vous écrivez.",
  statuses: { planned: "prévu", "in progress": "en cours", done: "terminé" },
  labels: {
    viewSites: "Voir les chantiers",
    sendReport: "Envoyer le rapport",
    askForPerson: "Parler à une personne",
    otherLanguage: "English",
  },
};

export const textsIn: Readonly<Record<SiteManagerLanguage, Texts>> = { en: english, fr: french };

function countedIn(
  { statuses }: Texts,
  photo: string,
  comment: string,
  { images, comments, status }: Counted,
): string {
  const shown = Object.entries(statuses).find(([name]) => name === status)?.[1];
  return [
    `${images} ${photo}${images === 1 ? "" : "s"}`,
    `${comments} ${comment}${comments === 1 ? "" : "s"}`,
    ...(shown === undefined ? [] : [shown]),
  ].join(", ");
}
