import type { Command } from "commander";
import type { Queries } from "../../adapters/postgres/database.ts";
import type { AdoptionReport } from "../../conversation/adoption/adopt.ts";
import type { OldCounts } from "../../ports/conversation/old-conversations.ts";
import { accountNameMalformed, accountNamePattern } from "../../ports/accounts/account-name.ts";
import { HoldfastError } from "../../errors.ts";
import { createAnswers } from "../answers.ts";
import { databaseUrlOf } from "../ask.ts";
import { databaseAddress } from "../given-secret.ts";
import { print, printError } from "../print.ts";

const { env } = process;
/** Between two lines about the progress. */
const progressMs = 1000;
/** One part of an adoption is one transaction of at most some thousand messages. */
const statementMsMax = 120_000;

interface Given {
  readonly from: string;
  readonly account?: string;
  readonly channel?: string;
  readonly user?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `holdfast adopt …`: what comes over from other programs. */
export function addAdoptCommands(program: Command): void {
  const group = program
    .command("adopt")
    .description("bring over what the bot before this one has kept");

  group
    .command("conversations")
    .description("the sessions and messages of the old bot's database, as history of this fleet")
    .requiredOption(
      "--from <url>",
      "its address; with a password: a file that has it, readable by you alone, or - for standard input",
    )
    .option(
      "--account <name>",
      "whose conversations they become; default HOLDFAST_WEBHOOK_ACCOUNT, else webhook",
    )
    .option("--channel <name>", "telegram or webhook; default: whichever the account is of")
    .option("--user <column>", "the old column that names a chat user as the channel does")
    .option("--dry-run", "read and count everything, and write nothing")
    .option("--yes", "do not ask")
    .option("--json", "as JSON: {to, mapping, dryRun, users, sessions, messages, skipped, …}")
    .addHelpText(
      "after",
      "\nThe old database is only read. Each user's newest active session goes on, unless the user has an open one here; the\nothers are history. Stop the old bot first: what it says later does not come. Typed again, it adds what is missing.\n\nExamples:\n  npx holdfast adopt conversations --from old-database.url --dry-run\n  npx holdfast adopt conversations --from postgres://localhost/old --account webhook --yes",
    )
    .action(adopt);
}

async function adopt(given: Given): Promise<void> {
  const from = await databaseAddress(
    given.from,
    "npx holdfast adopt conversations --from - < old-database.url",
  );
  const { openDatabase } = await import("../../adapters/postgres/database.ts");
  const { createAdoptionStore, refuseUnprepared } = await import(
    "../../adapters/postgres/adoption-store.ts"
  );
  const { openOldConversations } = await import("../../adapters/postgres/old-conversations.ts");
  const { adoptConversations } = await import("../../conversation/adoption/adopt.ts");
  const database = openDatabase(await databaseUrlOf(env), {
    poolMax: 1,
    statementTimeoutMs: statementMsMax,
    name: "holdfast adopt",
  });
  try {
    const to = await placeOf(given, database);
    await refuseUnprepared(database, to);
    const old = await openOldConversations(from, { channel: to.channel, user: given.user });
    try {
      const dryRun = given.dryRun === true;
      const say = given.json === true ? printError : print;
      say(`to            → ${to.channel}, account ${to.account}`);
      for (const line of old.mapping) say(line);
      const counts = await old.count();
      say(
        `${many(counts.sessions)} sessions of ${many(counts.users)} users, ${many(counts.messages)} messages`,
      );
      if (!dryRun && given.yes !== true) await refuseUnconfirmed(counts);
      const store = createAdoptionStore(database, to);
      const onProgress = progressOf(counts, () => Date.now());
      const report = await adoptConversations({ old, counts, store, dryRun, onProgress });
      if (given.json === true) {
        print(JSON.stringify({ to, mapping: old.mapping, dryRun, ...report }));
      } else {
        for (const line of reportLines(report, dryRun)) print(line);
      }
    } finally {
      await old.close();
    }
  } finally {
    await database.close();
  }
}

/** Without a channel's name: the webhook's account is the webhook's, and the fleet's accounts are Telegram's. */
async function placeOf(
  { account: given, channel }: Given,
  database: Queries,
): Promise<{ readonly account: string; readonly channel: string }> {
  const [{ isAccount }, { isChannelName }] = await Promise.all([
    import("../../adapters/postgres/adoption-store.ts"),
    import("../../ports/conversation/channel.ts"),
  ]);
  const webhook = env["HOLDFAST_WEBHOOK_ACCOUNT"] || "webhook";
  const account = given ?? webhook;
  if (!accountNamePattern.test(account)) throw accountNameMalformed(account);
  if (channel !== undefined) {
    if (isChannelName(channel)) return { account, channel };
    throw channelUnknown(channel);
  }
  if (given === undefined) return { account, channel: "webhook" };
  if (await isAccount(database, account)) return { account, channel: "telegram" };
  if (account === webhook) return { account, channel: "webhook" };
  throw accountUnknown(account);
}

const channelUnknown = (channel: string) =>
  new HoldfastError({
    code: "CHANNEL_UNKNOWN",
    message: `There is no channel ${JSON.stringify(channel.slice(0, 64))}; nothing was read.`,
    next: "Name telegram or webhook in --channel.",
  });

const accountUnknown = (account: string) =>
  new HoldfastError({
    code: "ACCOUNT_UNKNOWN",
    message: `There is no account ${account}, and HOLDFAST_WEBHOOK_ACCOUNT does not name it; nothing was read.`,
    next: "See the fleet's with: npx holdfast status. A webhook's other account takes --channel webhook.",
  });

async function refuseUnconfirmed({ sessions }: OldCounts): Promise<void> {
  const answers = createAnswers();
  const isSure = await answers.confirm(`Bring these ${many(sessions)} sessions over?`);
  answers.close();
  if (isSure) return;
  throw new HoldfastError({
    code: "NOT_CONFIRMED",
    message: "Nothing was brought over.",
    next: "Try it with --dry-run, or say so with --yes.",
  });
}

/** To the error output, once a second at most. */
function progressOf({ messages }: OldCounts, now: () => number): (done: number) => void {
  let last = now();
  return (done) => {
    if (now() - last < progressMs) return;
    last = now();
    printError(`${many(done)} of ${many(messages)} messages`);
  };
}

const many = (count: number): string => count.toLocaleString("en-US");

function reportLines(report: AdoptionReport, dryRun: boolean): readonly string[] {
  const { users, sessions, messages, toolOutputs, skipped } = report;
  const before = (count: number) => (count === 0 ? "" : `, ${many(count)} had come over before`);
  return [
    `users         ${many(users)}`,
    `sessions      ${many(sessions.found)} found: ${many(sessions.active)} go on, ${many(sessions.ended)} were active and have ended, ${many(sessions.history)} are history${before(sessions.adoptedBefore)}, ${many(sessions.skipped)} skipped`,
    `messages      ${many(messages.found)} found: ${many(messages.copied)} copied${before(messages.adoptedBefore)}, ${many(messages.skipped)} skipped`,
    `tool outputs  ${many(toolOutputs)} copied`,
    ...skipped.map(({ reason, count }) => `skipped       ${many(count)} ${reason}`),
    dryRun
      ? "nothing was written; the same without --dry-run brings them over"
      : "the old database was only read; typed again, this adds what is missing",
  ];
}
