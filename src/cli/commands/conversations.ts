import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { FleetProtocol } from "../../commands/protocol.ts";
import type { ReplayedTurn } from "../../conversation/rehearsal/replay.ts";
import type {
  SessionSummary,
  TurnHistory,
  UserBehind,
} from "../../ports/conversation/conversation-records.ts";
import type { EscalationSummary } from "../../ports/conversation/escalation-store.ts";
import type { ParkedItem } from "../../ports/conversation/parked-store.ts";
import { HoldfastError } from "../../errors.ts";
import { readText } from "../answers.ts";
import { askFleet } from "../ask.ts";
import { countIn } from "../count-in.ts";
import { print, printJson } from "../print.ts";
import { replayApart } from "../replay-apart.ts";

const { env } = process;
/** Sessions in one answer. */
const pageMax = 200;

interface ListOptions {
  readonly limit: string;
  readonly escalated?: boolean;
  readonly json?: boolean;
}

interface ReplayOptions {
  readonly session?: boolean;
  readonly bot?: string;
  readonly kind: string;
  readonly addons?: boolean;
}

interface Shown {
  readonly session: SessionSummary;
  readonly turns: readonly TurnHistory[];
}

/**
 * `holdfast conversation …`: the record of sessions, the parked messages, and the replies of
 * another bot.
 */
export function addConversationCommands(program: Command, exitWith: (code: number) => void): void {
  const group = program
    .command("conversation")
    .description("sessions of chat users, and messages whose turns were set aside");

  group
    .command("list [account]")
    .description(
      "the newest sessions with their message counts, who is behind, and what was set aside",
    )
    .option("--limit <n>", "how many sessions", "20")
    .option("--escalated", "those that wait for a person, the oldest first, with the next command")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  npx holdfast conversation list site-bot --limit 50\n  npx holdfast conversation list --escalated",
    )
    .action(async (account: string | undefined, options: ListOptions) => {
      if (options.escalated === true) return listEscalated(account, options.json === true);
      const { sessions, parked, behind } = await list(account, countIn("--limit", options.limit));
      if (options.json === true) return print(JSON.stringify({ sessions, parked, behind }));
      for (const session of sessions) print(sessionLine(session));
      for (const user of behind) print(behindLine(user));
      for (const item of parked) print(parkedLine(item));
      if (sessions.length === 0) print("no sessions yet");
    });

  group
    .command("show <session>")
    .description("what was said in a session, turn by turn")
    .option("--json", "as JSON")
    .addHelpText("after", "\nExample:\n  npx holdfast conversation show 42")
    .action(async (session: string, { json }: { json?: boolean }) => {
      const shown = await read(session);
      if (json === true) return print(JSON.stringify(shown));
      print(sessionLine(shown.session));
      for (const turn of shown.turns) print(turnLines(turn));
    });

  group
    .command("park <session>")
    .description("give a session to a person: messages are kept and the bot is silent")
    .option("--back", "give it back to the bot")
    .addHelpText(
      "after",
      "\nExamples:\n  npx holdfast conversation park 42\n  npx holdfast conversation park 42 --back",
    )
    .action(async (session: string, { back }: { back?: boolean }) => {
      await askFleet("park", { session, back: back === true }, { env });
      print(
        back === true
          ? `session ${session}: the bot answers again`
          : `session ${session}: a person answers; the bot is silent until: npx holdfast conversation park ${session} --back`,
      );
    });

  group
    .command("reply <session> [text]")
    .description(
      "answer in a session yourself; the text is read from standard input when it is not given",
    )
    .option("--key <key>", "the same key twice is one answer; made up when it is not given")
    .addHelpText(
      "after",
      `\nThe user gets it as a reply of the account, and it stands in the session. To keep the bot silent, park the session\nfirst; it hears of your answer in its history afterwards.\n\nExamples:\n  npx holdfast conversation park 42\n  npx holdfast conversation reply 42 "Bob here. What is it?"\n  npx holdfast conversation park 42 --back`,
    )
    .action(async (session: string, text?: string, options?: { key?: string }) => {
      const key = options?.key ?? randomUUID();
      const body = { session, key, text: text ?? (await readText()) };
      const said = await askFleet("conversation-reply", body, { env });
      print(replyLine(said));
    });

  group
    .command("replay [id]")
    .description(
      "take a message again that was set aside, or all; with --session, compare a bot with what was said",
    )
    .option("--all", "every message that was set aside, in each user's order")
    .option(
      "--reason <name>",
      "with --all: only those set aside for this reason, such as UNEXPECTED",
    )
    .option(
      "--session",
      "the id is a session's: show what this bot would say in each turn; nothing is sent",
    )
    .option("--bot <file>", "the bot to compare; default HOLDFAST_BOT, else the example")
    .option("--kind <kind>", "user or bot, as the account is", "bot")
    .option("--addons", "let the bot load native addons; nothing holds back what they do")
    .addHelpText(
      "after",
      "\nA comparison reaches nothing outside: no network, no processes, no files written.\nExits with 1 when it finds a difference.\n\nExamples:\n  npx holdfast conversation replay 7\n  npx holdfast conversation replay --all --reason BOT_TIMED_OUT\n  npx holdfast conversation replay 42 --session --bot bot.ts",
    )
    .action(async (id: string | undefined, options: ReplayOptions) => {
      if (options.all === true) return replayAll(options.reason);
      if (id === undefined) throw replayNothing();
      if (options.session !== true) {
        await askFleet("replay", { parked: id }, { env });
        print(`message ${id} is on its way to its turn again`);
        return;
      }
      const bot = options.bot ?? env["HOLDFAST_BOT"] ?? null;
      const kind = options.kind === "user" ? "user" : "bot";
      const addons = options.addons === true;
      const turns = await replayApart({ bot, kind, ...(await read(id)) }, { addons });
      for (const turn of turns) print(differenceLines(turn));
      const differing = turns.filter(({ differs }) => differs).length;
      print(`${turns.length} turns, ${differing} differ`);
      exitWith(differing === 0 ? 0 : 1);
    });
}

interface ReplayOptions {
  readonly all?: boolean;
  readonly reason?: string;
  readonly session?: boolean;
  readonly bot?: string;
  readonly kind: string;
}

/** Part by part; what fails anew meanwhile is not taken up again. */
async function replayAll(reason: string | undefined): Promise<void> {
  let done = 0;
  for (let until: string | undefined; ; ) {
    const part = await askFleet("replay-all", { reason, until }, { env });
    done += part.replayed;
    if (part.replayed > 0) print(`${done} messages are on their way again, ${part.left} are left`);
    if (part.replayed === 0 || part.left === 0) break;
    until = part.until;
  }
  if (done === 0) print("nothing was set aside that could be taken again");
}

const replayNothing = () =>
  new HoldfastError({
    code: "REPLAY_NOTHING",
    message: "Neither a message nor --all was named; nothing was changed.",
    next: "See what was set aside: npx holdfast conversation list",
  });

/** Every page of a session. */
async function read(session: string): Promise<Shown> {
  const turns: TurnHistory[] = [];
  for (let after: number | null | undefined; ; ) {
    const body = typeof after === "number" ? { session, after } : { session };
    const page = await askFleet("conversation", body, { env });
    turns.push(...page.turns);
    after = page.more;
    if (after === null) return { session: page.session, turns };
  }
}

interface Listed {
  readonly sessions: readonly SessionSummary[];
  readonly parked: readonly ParkedItem[];
  readonly behind: readonly UserBehind[];
}

/** The newest sessions, page by page until there are so many, with the newest of what was set aside. */
async function list(account: string | undefined, limit: number): Promise<Listed> {
  const first = await page(account, limit, null);
  const sessions = [...first.sessions];
  let before = first.more.sessions;
  while (before !== null && sessions.length < limit) {
    const next: Page = await page(account, limit - sessions.length, before);
    sessions.push(...next.sessions);
    before = next.more.sessions;
  }
  return { sessions, parked: first.parked, behind: first.behind };
}

async function listEscalated(account: string | undefined, isJson: boolean): Promise<void> {
  const { escalations } = await askFleet("escalations", { account }, { env });
  if (isJson) return printJson({ escalations });
  for (const one of escalations) print(escalationLines(one));
  if (escalations.length === 0) print("no session waits for a person");
}

type Page = FleetProtocol["conversations"]["answered"];

const page = (account: string | undefined, left: number, before: string | null): Promise<Page> =>
  askFleet(
    "conversations",
    { account, limit: Math.min(left, pageMax), ...(before === null ? {} : { before }) },
    { env },
  );

function sessionLine(session: SessionSummary): string {
  const { id, account, chatUser, status, turns, messages, lastTurnAt } = session;
  return `session ${id}  ${account} ← ${chatUser}  ${status}  ${turns} turns, ${messages} messages, last ${lastTurnAt}`;
}

const minuteMs = 60_000;

function ageOf(ms: number): string {
  const minutes = Math.floor(ms / minuteMs);
  if (minutes < 1) return "less than a minute";
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`;
}

const speakers = { user: "the user", bot: "the bot", person: "a person" } as const;

function escalationLines(one: EscalationSummary): string {
  const { session, account, chatUser, ageMs, answered, last } = one;
  const how = answered ? "a person answers" : "no person has answered";
  return [
    `session ${session}  ${account} ← ${chatUser}  escalated for ${ageOf(ageMs)}, ${how}`,
    ...(last === null
      ? []
      : [`  last, from ${speakers[last.by]}: ${last.text.replaceAll(/\s+/g, " ")}`]),
    `  answer with: npx holdfast conversation reply ${session} "…"`,
    `  back to the bot with: npx holdfast conversation park ${session} --back`,
  ].join("\n");
}

const behindLine = ({ account, chatUser, waiting, since }: UserBehind): string =>
  `behind  ${account} ← ${chatUser}  ${waiting} messages wait for their turns since ${since}`;

function parkedLine({ id, item, reason, at }: ParkedItem): string {
  const of = item === null ? "no message" : `${item.account} ← ${item.chatUser}: ${item.inboundId}`;
  return `set aside ${id}  ${of}  ${at}  ${reason}\n  again with: npx holdfast conversation replay ${id}`;
}

function replyLine(said: FleetProtocol["conversation-reply"]["answered"]): string {
  const { session, account, status, messages, repeated } = said;
  if (repeated) return `session ${session}: it was said before, under the same key`;
  const what = `session ${session}: ${messages === 1 ? "it leaves" : `${messages} messages leave`} through ${account}`;
  return status === "escalated"
    ? what
    : `${what}; the bot goes on answering there, unless you type: npx holdfast conversation park ${session}`;
}

/** A file without a text is named by its kind. */
const askedText = ({ asked, media }: TurnHistory): string =>
  [asked, ...media.map(({ type }) => `(${type})`)].filter((part) => part !== "").join(" ");

function turnLines(turn: TurnHistory): string {
  const { seq, at, replies } = turn;
  const isPersons = replies[0]?.by === "person";
  return [
    `${String(seq).padStart(4)} ${at} ${isPersons ? "a person answers" : `← ${askedText(turn)}`}`,
    ...replies.map(({ body, menu }, index) => {
      const labels = (menu ?? []).map(({ label }) => ` [${label}]`).join("");
      return `${String(seq + 1 + index).padStart(4)} → ${body}${labels}`;
    }),
  ].join("\n");
}

function differenceLines({ seq, asked, was, is, differs, heldBack }: ReplayedTurn): string {
  const refused = heldBack.map((what) => `  ! held back: ${what}`);
  if (!differs) return [`  ${seq} ← ${asked}: the same`, ...refused].join("\n");
  const now = "fails" in is ? [`fails: ${is.fails}`] : is;
  const lines = (sign: string, texts: readonly string[]) =>
    texts.flatMap((text) => text.split("\n")).map((line) => `  ${sign} ${line}`);
  const difference = [...lines("-", was), ...lines("+", now)];
  return [`≠ ${seq} ← ${asked}`, ...difference, ...refused].join("\n");
}
