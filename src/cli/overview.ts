import type { AccountsHealth, ListedAccount } from "../commands/account-health.ts";
import type { HostSummary } from "../commands/host-summary.ts";
import type { Question } from "../ports/accounts/question.ts";
import type { StoredHealth } from "../ports/fleet-health.ts";
import { cut } from "./table.ts";

/** An account whose login or renewal asks a person. */
export interface AskingAccount {
  readonly account: string;
  readonly question: Pick<Question, "of" | "kind">;
}

/** A fleet as `holdfast` alone shows it. */
export interface FleetSeen {
  readonly hosts: readonly Pick<HostSummary, "host" | "state">[];
  readonly accounts: AccountsHealth;
  readonly stored: StoredHealth;
  readonly asking: readonly AskingAccount[];
}

const linesMax = 10;
const hostsNamed = 4;

/** What a person is to look at, and the command for it. */
interface Need {
  readonly what: string;
  readonly command: string;
}

export const nothingRuns =
  "Nothing runs in this folder, and HOLDFAST_NATS_URL names no fleet.\nNext: npx holdfast start";

/** run.json was left by a start that was killed. */
export const nothingAnswers =
  "What ran in this folder does not answer any more.\nNext: npx holdfast start";

/** The fleet in ten lines at most, and the next sensible command. `columns`: of the screen; null: nothing is cut. */
export function overview(seen: FleetSeen, columns: number | null): string {
  const needs = needsOf(seen);
  const head = [
    hostLine(seen.hosts),
    accountLine(seen.accounts),
    ...conversationLines(seen.stored),
  ];
  // The last line is the next command; one more says what is left out.
  const room = linesMax - head.length - 1;
  const shown = needs.slice(0, needs.length > room ? room - 1 : room);
  const left = needs.length - shown.length;
  return [
    ...head.map((line) => cut(line, columns)),
    // A command that was cut could not be typed.
    ...shown.map(({ what, command }) => `! ${what}: ${command}`),
    ...(left === 0 ? [] : [`! and ${left} more: npx holdfast status`]),
    `Next: ${nextOf(seen, needs)}`,
  ].join("\n");
}

const nextOf = ({ accounts }: FleetSeen, needs: readonly Need[]): string =>
  Object.keys(accounts.states).length === 0
    ? "npx holdfast add <name> --kind bot"
    : (needs[0]?.command ?? "npx holdfast metrics");

function hostLine(hosts: FleetSeen["hosts"]): string {
  const serving = hosts.filter(({ state }) => state === "serving").map(({ host }) => host);
  const others = hosts.length - serving.length;
  const named = serving.slice(0, hostsNamed).join(", ");
  const more = serving.length > hostsNamed ? ", …" : "";
  const besides = others === 0 ? "" : `; ${others} not serving`;
  const names = serving.length === 0 ? "" : `: ${named}${more}`;
  return `hosts          ${serving.length} serving${names}${besides}`;
}

function accountLine({ states }: AccountsHealth): string {
  const counts = Object.entries(states).toSorted(([, a], [, b]) => b - a);
  if (counts.length === 0) return "accounts       none yet";
  const sum = counts.reduce((all, [, count]) => all + count, 0);
  return `accounts       ${sum}: ${counts.map(([state, count]) => `${count} ${state}`).join(", ")}`;
}

function conversationLines({ sessions, replies, setAside }: StoredHealth): readonly string[] {
  return [
    `conversations  ${sessions.active} active, ${sessions.escalated} with a person`,
    `replies        ${replies.waiting} waiting, ${replies.givenUp} given up; ${setAside} messages set aside`,
  ];
}

/** The most pressing first. */
function needsOf({ hosts, accounts, stored, asking }: FleetSeen): readonly Need[] {
  const asked = new Set(asking.map(({ account }) => account));
  const troubled = accounts.troubled.filter(({ name }) => !asked.has(name));
  const { sessions, replies, setAside } = stored;
  const count = (n: number, what: string, command: string): readonly Need[] =>
    n === 0 ? [] : [{ what: `${n} ${what}`, command }];
  return [
    ...asking.map(({ account, question }) => answerTo(account, question)),
    ...count(
      hosts.filter(({ state }) => state === "silent" || state === "revoked").length,
      "host(s) went without a word",
      "npx holdfast hosts",
    ),
    ...troubled.map(troubleOf),
    ...count(
      accounts.notServing - accounts.troubled.length,
      "further accounts do not serve",
      "npx holdfast status",
    ),
    ...count(sessions.escalated, "conversation(s) wait for a person", listing),
    ...count(setAside, "message(s) are set aside", listing),
    ...count(replies.givenUp, "replies were given up", "npx holdfast replies list"),
  ];
}

const listing = "npx holdfast conversation list";

function answerTo(account: string, { of, kind }: AskingAccount["question"]): Need {
  // The code is shown where it was asked for, and nothing is typed for it.
  if (kind === "qr") {
    return { what: `${account} waits for its QR code`, command: `npx holdfast status ${account}` };
  }
  return {
    what: `${account} asks for a ${kind}`,
    command: `npx holdfast answer ${account} --of ${of} --kind ${kind}`,
  };
}

function troubleOf({ name, state, code }: ListedAccount): Need {
  const what = `${name} is ${state}${code === null ? "" : ` (${code})`}`;
  if (state === "quarantined") return { what, command: `npx holdfast recover ${name}` };
  if (state === "unauthorised.waiting") return { what, command: `npx holdfast auth ${name}` };
  return { what, command: `npx holdfast status ${name}` };
}
