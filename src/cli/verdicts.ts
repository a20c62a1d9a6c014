import type { AccountsHealth } from "../commands/account-health.ts";
import { countMax, type StoredHealth } from "../ports/fleet-health.ts";
import type { NodeFigure } from "../ports/node-figures.ts";

/** From the best to the worst. `unknown`: the figure was not to be had, which is no better than a warning. */
export const verdicts = ["ok", "unknown", "warning", "critical"] as const;
export type Verdict = (typeof verdicts)[number];

export type FigureGroup = "conversation" | "custody" | "replies" | "flood";

/** A figure with its target, as `holdfast metrics` shows it. */
export interface FigureLine {
  readonly group: FigureGroup;
  /** Stable: scripts may rely on it. */
  readonly name: string;
  /** In the unit of its name; null: unknown, or too little traffic for a ratio. */
  readonly value: number | null;
  /** For a person. */
  readonly shown: string;
  /** For a person; "–" where any value is well. */
  readonly target: string;
  readonly verdict: Verdict;
  /** The command to type where the verdict is not ok. */
  readonly next: string | null;
}

/** Everything that the verdicts are made from. */
export interface FleetFigures {
  /** Hosts that take accounts, and those of them that did not tell their figures. */
  readonly hosts: { readonly serving: number; readonly silent: readonly string[] };
  /** Sums over the hosts that answered; a figure that one of them did not tell is missing. */
  readonly counted: Readonly<Partial<Record<NodeFigure | "nodeRestarts", number>>>;
  readonly stored: StoredHealth;
  readonly accounts: AccountsHealth;
}

/** A ratio says nothing about less traffic than this. */
const turnsMin = 100;
const actionsMin = 20;
const minuteMs = 60_000;
const replyMsMax = { warning: 5 * minuteMs, critical: 60 * minuteMs };
const backlogMsMax = 15 * minuteMs;

const commands = {
  conversations: "npx holdfast conversation list",
  logs: "npx holdfast logs",
  replies: "npx holdfast replies list",
  status: "npx holdfast status",
} as const;

/** Every figure with its verdict, group by group. */
export function figureLines(figures: FleetFigures): readonly FigureLine[] {
  return [
    ...conversationLines(figures),
    ...custodyLines(figures),
    ...replyLines(figures.stored),
    ...floodLines(figures),
  ];
}

/** The worst verdict of all. */
export const worstOf = (lines: readonly Pick<FigureLine, "verdict">[]): Verdict =>
  verdicts[Math.max(0, ...lines.map(({ verdict }) => verdicts.indexOf(verdict)))]!;

/** 0: all is ok; 1: a warning, or a figure that is not known; 2: something is critical. */
export const exitCodeOfWorst = (worst: Verdict): number =>
  worst === "ok" ? 0 : worst === "critical" ? 4 : 1;

function conversationLines({ counted, stored }: FleetFigures): readonly FigureLine[] {
  const of = inGroup("conversation");
  const { sessions, backlog } = stored;
  const { sessionsCreated, sessionsReused, lookups, lookupsSlow, lookupSeconds } = counted;
  return [
    of.told("sessions-created", sessionsCreated),
    of.told("sessions-reused", sessionsReused),
    of.ratio("session-reuse-percent", {
      part: sessionsReused,
      all: sumOf(sessionsReused, sessionsCreated),
      allMin: turnsMin,
      target: ">= 95 %",
      round: Math.floor,
      verdict: (percent) => (percent < 90 ? "critical" : percent < 95 ? "warning" : "ok"),
      next: commands.conversations,
    }),
    of.none("context-lost", counted.contextLost, "critical", commands.logs),
    of.none("histories-empty", counted.historyEmpty, "critical", commands.logs),
    of.none("rapid-creates", counted.rapidCreates, "warning", commands.conversations),
    of.none(
      "rapid-creates-per-minute",
      counted.rapidCreatesPerMinute,
      "critical",
      commands.conversations,
    ),
    of.none("sessions-not-found", counted.sessionsGone, "warning", commands.logs),
    of.none("index-violations", counted.indexViolations, "critical", commands.logs),
    of.none("duplicate-sessions", sessions.duplicates, "critical", "npx holdfast migrate verify"),
    of.ratio("actions-without-result-percent", {
      part: counted.actionsWithoutResult,
      all: counted.actions,
      allMin: actionsMin,
      target: "<= 5 %",
      round: Math.ceil,
      verdict: (percent) => (percent > 5 ? "warning" : "ok"),
      next: commands.conversations,
    }),
    of.ratio("lookups-under-10-ms-percent", {
      part: lookups === undefined || lookupsSlow === undefined ? undefined : lookups - lookupsSlow,
      all: lookups,
      allMin: turnsMin,
      target: ">= 99 %",
      round: Math.floor,
      verdict: (percent) => (percent < 99 ? "warning" : "ok"),
      next: commands.logs,
    }),
    meanLookup(lookups, lookupSeconds),
    of.told("sessions-per-hour-24h", Math.round((sessions.createdInDay / 24) * 10) / 10),
    of.told("sessions-active", sessions.active),
    of.told("sessions-with-a-person", sessions.escalated),
    of.told("messages-behind", backlog.messages),
    of.age("oldest-behind-seconds", backlog.oldestMs, {
      target: "<= 15 min",
      verdict: (ms) => (ms > backlogMsMax ? "warning" : "ok"),
      next: commands.conversations,
    }),
    of.none("partitions-waiting", counted.partitionsHeld, "critical", commands.logs),
    of.none("inbound-lost", counted.inboundLost, "critical", commands.logs),
  ];
}

function meanLookup(lookups: number | undefined, seconds: number | undefined): FigureLine {
  const { told } = inGroup("conversation");
  if (lookups === undefined || seconds === undefined) return told("lookup-mean-ms", undefined);
  return told("lookup-mean-ms", lookups === 0 ? 0 : Math.round((seconds / lookups) * 1e5) / 100);
}

function custodyLines({ hosts, counted, stored, accounts }: FleetFigures): readonly FigureLine[] {
  const of = inGroup("custody");
  const { serving, silent } = hosts;
  const answered = serving - silent.length;
  const known = silent.length === 0;
  return [
    {
      group: "custody",
      name: "hosts-answering",
      value: answered,
      shown: `${answered} of ${serving}`,
      target: "all",
      verdict: serving === 0 ? "critical" : known ? "ok" : "unknown",
      next: serving > 0 && known ? null : "npx holdfast hosts",
    },
    of.none("accounts-not-serving", accounts.notServing, "warning", commands.status),
    of.none("accounts-quarantined", accounts.quarantined, "critical", commands.status),
    of.none("takeovers-1h", stored.takeovers, "warning", "npx holdfast hosts"),
    of.none("unsigned-words", counted.unproven, "warning", commands.logs),
    of.told("node-restarts", counted.nodeRestarts),
  ];
}

function replyLines({ replies, setAside }: StoredHealth): readonly FigureLine[] {
  const of = inGroup("replies");
  return [
    of.told("replies-waiting", replies.waiting),
    of.age("oldest-reply-seconds", replies.oldestMs, {
      target: "<= 5 min",
      verdict: (ms) =>
        ms >= replyMsMax.critical ? "critical" : ms > replyMsMax.warning ? "warning" : "ok",
      next: commands.status,
    }),
    of.none("messages-set-aside", setAside, "warning", commands.conversations),
    of.none("replies-given-up", replies.givenUp, "warning", commands.replies),
  ];
}

function floodLines({ counted, accounts }: FleetFigures): readonly FigureLine[] {
  const of = inGroup("flood");
  return [
    of.none("waits-in-force", accounts.waits, "warning", commands.status),
    of.none("accounts-silenced", accounts.cooling, "warning", commands.status),
    of.told("waits-ordered", counted.floodWaits),
    of.told("waits-ordered-seconds", counted.floodSeconds),
  ];
}

const sumOf = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a + b;

interface Ratio {
  readonly part: number | undefined;
  readonly all: number | undefined;
  /** Of less, no ratio is told. */
  readonly allMin: number;
  readonly target: string;
  /** Towards the worse side, so that a miss of the target is never shown as met. */
  round(hundredths: number): number;
  verdict(percent: number): Verdict;
  readonly next: string;
}

interface Age {
  readonly target: string;
  verdict(oldestMs: number): Verdict;
  readonly next: string;
}

/** Makers of a group's lines. */
function inGroup(group: FigureGroup) {
  const unknown = (name: string, target: string): FigureLine => ({
    group,
    name,
    value: null,
    shown: "?",
    target,
    verdict: "unknown",
    next: "npx holdfast hosts",
  });
  const line = (
    name: string,
    value: number | null,
    shown: string,
    target: string,
    verdict: Verdict = "ok",
    next: string | null = null,
  ): FigureLine => ({
    group,
    name,
    value,
    shown,
    target,
    verdict,
    next: verdict === "ok" ? null : next,
  });

  return {
    /** Any value is well. */
    told: (name: string, value: number | undefined): FigureLine =>
      value === undefined ? unknown(name, "–") : line(name, value, countText(value), "–"),
    /** Any other value than 0 is bad. */
    none(name: string, value: number | undefined, bad: Verdict, next: string): FigureLine {
      if (value === undefined) return unknown(name, "0");
      return line(name, value, countText(value), "0", value === 0 ? "ok" : bad, next);
    },
    ratio(name: string, { part, all, allMin, target, round, verdict, next }: Ratio): FigureLine {
      if (part === undefined || all === undefined) return unknown(name, target);
      if (all < allMin) return line(name, null, `too few: ${all} of ${allMin}`, target);
      const percent = round((part * 10_000) / all) / 100;
      const shown = `${percent.toFixed(2)} % of ${all}`;
      return line(name, percent, shown, target, verdict((part * 100) / all), next);
    },
    /** Of the oldest; null: nothing waits. */
    age(name: string, oldestMs: number | null, { target, verdict, next }: Age): FigureLine {
      if (oldestMs === null) return line(name, 0, "–", target);
      const seconds = Math.floor(oldestMs / 1000);
      return line(name, seconds, ageText(oldestMs), target, verdict(oldestMs), next);
    },
  };
}

const countText = (count: number): string =>
  count === countMax ? `${count} or more` : String(Math.round(count * 100) / 100);

/** In the largest unit that says enough. */
export function ageText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
