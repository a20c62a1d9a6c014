import type { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import { type Answers, createAnswers } from "../answers.ts";
import { type FollowOptions, followRenewal } from "../follow.ts";
import { type ForeignProgram, foreignPrograms, readForeignSession } from "../foreign-session.ts";
import { logIn } from "../log-in.ts";
import { following, onAccount } from "../on-account.ts";
import { print } from "../print.ts";

/** Commands by which accounts come: new ones, and sessions of other programs. */
export function addNewcomerCommands(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("add <account>")
    .description("add an account; a bot token or a phone number is read from standard input")
    .requiredOption("--kind <kind>", "bot or user")
    .option("--driver <driver>", "the client library that connects: mtcute or telegram", "mtcute")
    .option("--device <name>", "what Telegram shows in the list of devices, for every key to come")
    .option("--proxy <url>", "socks5://, socks4:// or http:// address to connect through")
    .addHelpText("after", '\nExample:\n  echo "$BOT_TOKEN" | npx holdfast add site-bot --kind bot')
    .action(async (account: string, options: Readonly<Record<string, string>>) => {
      const { kind, ...how } = options;
      const answers = createAnswers();
      const secret = await answers
        .secret(kind === "bot" ? "Bot token (not shown): " : "Phone number (not shown): ")
        .finally(() => answers.close());
      const login = kind === "bot" ? { botToken: secret } : { phone: secret };
      await onAccount(account, "add", { ...login, ...how });
      print(`${account} is added. Log it in with: npx holdfast auth ${account}`);
    });

  program
    .command("import <account> [session]")
    .description("take over the session of another program, and move it to a fresh key")
    .requiredOption("--from <program>", `whose session: ${foreignPrograms.join(", ")}`)
    .option("--stopped", "the other program is stopped for good (asked for otherwise)")
    .option("--keep", "stay on the imported key; by default it is handed off and logged out")
    .option("--driver <driver>", "the client library that connects: mtcute or telegram", "mtcute")
    .option("--device <name>", "what Telegram shows in the list of devices, for every key to come")
    .option("--proxy <url>", "socks5://, socks4:// or http:// address to connect through")
    .addHelpText(
      "after",
      "\nThe session is a string, a file that holds one, or Telethon's .session file; without one it is read from\nstandard input. It connects once, is handed off to a fresh key, and is then logged out.\n\nExamples:\n  npx holdfast import desk telegram_session.session --from telethon --stopped\n  npx holdfast import desk --from gramjs --stopped < session.txt",
    )
    .action(async (account: string, session: string | undefined, options: ImportOptions) => {
      setExitCode(
        await following(account, (how, answers) => runImport(session, options, how, answers)),
      );
    });
}

interface ImportOptions {
  readonly from: string;
  readonly stopped?: boolean;
  readonly keep?: boolean;
  readonly driver: string;
  readonly device?: string;
  readonly proxy?: string;
}

async function runImport(
  session: string | undefined,
  { from, stopped, keep = false, ...how }: ImportOptions,
  options: FollowOptions,
  answers: Answers,
): Promise<number> {
  const { account } = options;
  const program = programNamed(from);
  const { dcId, key } = await readForeignSession(
    program,
    session ?? (await answers.secret("Session string (not shown): ")),
  );
  const isStopped =
    stopped === true ||
    (await answers.confirm(`Two programs on one session end it for ever. Is ${from} stopped?`));
  if (!isStopped) throw notStopped(account);
  const body = { dcId, key: Buffer.from(key).toString("base64"), stopped: true, keep, ...how };
  await onAccount(account, "import", body);
  print(`${account}: the session is stored, encrypted; it connects once to see whose it is`);
  const exitCode = await logIn(options, "import");
  if (exitCode !== 0 || keep) return exitCode;
  print(`${account}: moving to a fresh key, by handoff`);
  const { renewal } = await onAccount(account, "renew", { method: "handoff" });
  return followRenewal(renewal, options);
}

function programNamed(name: string): ForeignProgram {
  const found = foreignPrograms.find((one) => one === name);
  if (found !== undefined) return found;
  throw new HoldfastError({
    code: "PROGRAM_UNKNOWN",
    message: `Sessions of "${name}" cannot be read; known are: ${foreignPrograms.join(", ")}.`,
  });
}

const notStopped = (account: string) =>
  new HoldfastError({
    code: "IMPORT_NOT_CONFIRMED",
    message: `Nothing was imported: two programs on one session end it for ever.`,
    next: `Stop the other program, then: npx holdfast import ${account} --stopped …`,
  });
