import type { Command } from "commander";
import { loadBot } from "../../adapters/bots/load-bot.ts";
import { createSiteManagerBot } from "../../bots/site-manager/site-manager-bot.ts";
import { replay, type ReplayedTurn } from "../../conversation/rehearsal/replay.ts";
import type {
  SessionSummary,
  TurnHistory,
  UserBehind,
} from "../../ports/conversation/conversation-records.ts";
import type { ParkedItem } from "../../ports/conversation/inbound-stream.ts";
import { askFleet } from "../ask.ts";
import { print } from "../print.ts";

const { env } = process;

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
    .option("--json", "as JSON")
    .addHelpText("after", "\nExample:\n  npx holdfast conversation list site-bot --limit 50")
    .action(async (account: string | undefined, options: { limit: string; json?: boolean }) => {
      const { sessions, parked, behind } = await askFleet(
        "conversations",
        { account, limit: Number(options.limit) },
        { env },
      );
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
    .command("replay <id>")
    .description(
      "take a message again that was set aside; with --session, compare a bot with what was said",
    )
    .option(
      "--session",
      "the id is a session's: show what this bot would say in each turn; nothing is sent",
    )
    .option("--bot <file>", "the bot to compare; default HOLDFAST_BOT, else the example")
    .option("--kind <kind>", "user or bot, as the account is", "bot")
    .addHelpText(
      "after",
      "\nExits with 1 when the comparison finds a difference.\n\nExamples:\n  npx holdfast conversation replay 7\n  npx holdfast conversation replay 42 --session --bot bot.ts",
    )
    .action(async (id: string, options: { session?: boolean; bot?: string; kind: string }) => {
      if (options.session !== true) {
        await askFleet("replay", { parked: id }, { env });
        print(`message ${id} is on its way to its turn again`);
        return;
      }
      const file = options.bot ?? env["HOLDFAST_BOT"];
      const bot = file === undefined ? createSiteManagerBot() : await loadBot(file);
      const turns = await replay(bot, await read(id), options.kind === "user" ? "user" : "bot");
      for (const turn of turns) print(differenceLines(turn));
      const differing = turns.filter(({ differs }) => differs).length;
      print(`${turns.length} turns, ${differing} differ`);
      exitWith(differing === 0 ? 0 : 1);
    });
}

async function read(session: string): Promise<Shown> {
  const { session: found, turns } = await askFleet("conversation", { session }, { env });
  return { session: found, turns };
}

function sessionLine(session: SessionSummary): string {
  const { id, account, chatUser, status, turns, messages, lastTurnAt } = session;
  return `session ${id}  ${account} ← ${chatUser}  ${status}  ${turns} turns, ${messages} messages, last ${lastTurnAt}`;
}

const behindLine = ({ account, chatUser, waiting, since }: UserBehind): string =>
  `behind  ${account} ← ${chatUser}  ${waiting} messages wait for their turns since ${since}`;

function parkedLine({ id, item, reason, at }: ParkedItem): string {
  const of = item === null ? "no message" : `${item.account} ← ${item.chatUser}: ${item.inboundId}`;
  return `set aside ${id}  ${of}  ${at}  ${reason}\n  again with: npx holdfast conversation replay ${id}`;
}

const turnLines = ({ seq, at, asked, replies }: TurnHistory): string =>
  [
    `${String(seq).padStart(4)} ${at} ← ${asked}`,
    ...replies.map(({ body, menu }, index) => {
      const labels = (menu ?? []).map(({ label }) => ` [${label}]`).join("");
      return `${String(seq + 1 + index).padStart(4)} → ${body}${labels}`;
    }),
  ].join("\n");

function differenceLines({ seq, asked, was, is, differs }: ReplayedTurn): string {
  if (!differs) return `  ${seq} ← ${asked}: the same`;
  const now = "fails" in is ? [`fails: ${is.fails}`] : is;
  const lines = (sign: string, texts: readonly string[]) =>
    texts.flatMap((text) => text.split("\n")).map((line) => `  ${sign} ${line}`);
  return [`≠ ${seq} ← ${asked}`, ...lines("-", was), ...lines("+", now)].join("\n");
}
