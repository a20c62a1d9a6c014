import { join } from "node:path";
import type { Command } from "commander";
import type { PersonRows } from "../../ports/conversation/person-erasure.ts";
import { HoldfastError } from "../../errors.ts";
import { createAnswers } from "../answers.ts";
import { print, printError } from "../print.ts";

const { env } = process;
/** A part works for three seconds, and then ends the statement that it is at. */
const answerMsMax = 30_000;
/** What is at work just now may write once more: then it is erased once more. */
const roundsMax = 10;
const roundMs = 1_000;

interface ForgetOptions {
  readonly account?: string;
  readonly channel?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `holdfast forget`: the end of what is known of a person. */
export function addForgetCommand(program: Command): void {
  program
    .command("forget <user>")
    .description("erase what is stored of a chat user, and look that nothing is left")
    .option("--account <name>", "only what they said to this account; default all")
    .option("--channel <name>", "only what they said over this channel; default all")
    .option("--dry-run", "count, and change nothing")
    .option("--yes", "do not ask")
    .option("--json", "as JSON: erased, logs, left")
    .addHelpText(
      "after",
      "\nThe user is named as in: npx holdfast conversation list. Erased: turns, sessions, what bots knew of them, replies, what\nwas set aside or waits, and their name in the logs of this machine. Kept: marks of what took effect, so that a message\nthat comes again takes none. Safe to be cut off: type it again. On other hosts it erases their own logs.\n\nExamples:\n  npx holdfast forget 5000000003 --dry-run\n  npx holdfast forget 5000000003 --account site-bot --yes",
    )
    .action(async (user: string, options: ForgetOptions) => {
      const { dryRun = false, yes = false, json = false } = options;
      if (!dryRun && !(await isSure(user, yes))) throw notSure();
      const done = dryRun ? await looked(user, options) : await erasedAll(user, options);
      if (json) return print(JSON.stringify(done));
      for (const [table, rows] of Object.entries(done.erased))
        print(`${table}: ${rows} ${dryRun ? "would go" : "are gone"}`);
      for (const [file, times] of Object.entries(done.logs))
        print(`${file}: the name ${dryRun ? "stands there" : "is overwritten"} ${times} times`);
      if (Object.keys({ ...done.erased, ...done.logs }).length === 0)
        print("nothing is known of them");
      else if (!dryRun && options.account === undefined && options.channel === undefined)
        print("every table and stream was looked through: nothing names them any more");
    });
}

interface Done {
  readonly erased: PersonRows;
  readonly logs: PersonRows;
  readonly left: PersonRows;
}

async function isSure(user: string, yes: boolean): Promise<boolean> {
  if (yes) return true;
  const answers = createAnswers();
  const isYes = await answers.confirm(
    `Really erase everything that is stored of ${user}, for good?`,
  );
  answers.close();
  return isYes;
}

async function looked(user: string, { account, channel }: ForgetOptions): Promise<Done> {
  const { askFleet } = await import("../ask.ts");
  const body = { user, account, channel, dryRun: true };
  const { rows } = await askFleet("forget", body, { env, timeoutMs: answerMsMax });
  return { erased: rows, logs: await logsOf(user, true), left: {} };
}

/** Round after round, until a look through everything finds nothing. */
async function erasedAll(user: string, options: ForgetOptions): Promise<Done> {
  const erased: Record<string, number> = {};
  const isWhole = options.account === undefined && options.channel === undefined;
  for (let round = 1; ; round += 1) {
    add(erased, await eraseOnce(user, options));
    const left = isWhole ? await search(user) : {};
    if (Object.keys(left).length === 0) return { erased, logs: await logsOf(user, false), left };
    if (round === roundsMax) throw stillThere(left);
    printError(`${Object.keys(left).join(", ")}: what is at work there is waited for`);
    await new Promise((resolve) => setTimeout(resolve, roundMs));
  }
}

async function eraseOnce(user: string, { account, channel }: ForgetOptions): Promise<PersonRows> {
  const { askFleet } = await import("../ask.ts");
  const erased: Record<string, number> = {};
  for (let at: string | undefined; ; ) {
    const body = { user, account, channel, at };
    const part = await askFleet("forget", body, { env, timeoutMs: answerMsMax });
    add(erased, part.rows);
    if (part.at === null) return erased;
    at = part.at;
  }
}

async function search(user: string): Promise<PersonRows> {
  const { askFleet } = await import("../ask.ts");
  const left: Record<string, number> = {};
  for (let at: string | undefined; ; ) {
    const part = await askFleet("forget-search", { user, at }, { env, timeoutMs: answerMsMax });
    add(left, part.found);
    if (part.at === null) return left;
    at = part.at;
  }
}

async function logsOf(user: string, isDryRun: boolean): Promise<PersonRows> {
  const [{ scrubLogs }, { wordPattern }] = await Promise.all([
    import("../../embedded/log-scrub.ts"),
    import("../../ports/word-forms.ts"),
  ]);
  const pattern = wordPattern(user);
  const folder = join(env["HOLDFAST_HOME"] ?? ".holdfast", "logs");
  return pattern === null ? {} : scrubLogs(folder, new RegExp(pattern), isDryRun);
}

function add(sums: Record<string, number>, rows: PersonRows): void {
  for (const [name, n] of Object.entries(rows)) sums[name] = (sums[name] ?? 0) + n;
}

const notSure = () =>
  new HoldfastError({
    code: "NOT_CONFIRMED",
    message: "The user was not forgotten.",
    next: "Say so with: npx holdfast forget <user> --yes",
  });

const stillThere = (left: PersonRows) =>
  new HoldfastError({
    code: "NOT_FORGOTTEN",
    message: `The user's name still stands in: ${Object.entries(left)
      .map(([table, rows]) => `${table} (${rows})`)
      .join(", ")}.`,
    next: "See that turns are taken (npx holdfast conversation list), then type the same again; a row of accounts is the person's own account.",
    policy: "retryable",
  });
