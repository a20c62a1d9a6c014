import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { HoldfastError } from "../../errors.ts";
import { type Answers, createAnswers } from "../answers.ts";
import { type FollowOptions, followRenewal } from "../follow.ts";
import { type ForeignProgram, foreignPrograms } from "../foreign/programs.ts";
import { isSession, readForeignSession } from "../foreign/session.ts";
import { openProxy, refuseFurther, secretFile } from "../given-secret.ts";
import { logIn } from "../log-in.ts";
import { following, onAccount } from "../on-account.ts";
import { print } from "../print.ts";

/** Commands by which accounts come: new ones, and sessions of other programs. */
export function addNewcomerCommands(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("add <account>")
    .description("add an account; a bot token or a phone number is read from standard input")
    .addOption(
      new Option("--kind <kind>", "bot or user").choices(["bot", "user"]).makeOptionMandatory(),
    )
    .option("--driver <driver>", "the client library that connects: mtcute or telegram", "mtcute")
    .option("--device <name>", "what Telegram shows in the list of devices, for every key to come")
    .option("--proxy <url>", "socks5://, socks4:// or http:// address without a password")
    .option("--proxy-file <file>", "a file that only you can read, with the proxy's address")
    .addHelpText("after", '\nExample:\n  echo "$BOT_TOKEN" | npx holdfast add site-bot --kind bot')
    .allowExcessArguments()
    .action(async (account: string, options: AddOptions, { args }: Command) => {
      const { kind, ...choices } = options;
      refuseFurther(args, 1, `npx holdfast add ${account} --kind ${kind} < file`);
      const how = await choicesIn(choices, `npx holdfast add ${account} --kind ${kind}`);
      const answers = createAnswers();
      const secret = await answers
        .secret(kind === "bot" ? "Bot token (not shown): " : "Phone number (not shown): ")
        .finally(() => answers.close());
      const login = kind === "bot" ? { botToken: secret } : { phone: secret };
      await onAccount(account, "add", { ...login, ...how });
      print(`${account} is added. Log it in with: npx holdfast auth ${account}`);
    });

  program
    .command("import <account> [file]")
    .description("take over the session of another program, and move it to a fresh key")
    .requiredOption("--from <program>", `whose session: ${foreignPrograms.join(", ")}`)
    .option("--stopped", "the other program is stopped for good (asked for otherwise)")
    .option("--keep", "stay on the imported key; by default it is handed off and logged out")
    .option("--driver <driver>", "the client library that connects: mtcute or telegram", "mtcute")
    .option("--device <name>", "what Telegram shows in the list of devices, for every key to come")
    .option("--proxy <url>", "socks5://, socks4:// or http:// address without a password")
    .option("--proxy-file <file>", "a file that only you can read, with the proxy's address")
    .addHelpText(
      "after",
      "\nThe file holds a session string, or is the .session file of Telethon or Pyrogram, or the folder tdata; only you may be\nable to read it. Without one a string is read from standard input. It connects once, is handed off to a fresh key, and\nis then logged out.\n\nExamples:\n  npx holdfast import desk telegram_session.session --from telethon --stopped\n  npx holdfast import desk --from gramjs --stopped < session.txt",
    )
    .action(async (account: string, file: string | undefined, options: ImportOptions) => {
      setExitCode(
        await following(account, (how, answers) => runImport(file, options, how, answers)),
      );
    });
}

interface Choices {
  readonly driver: string;
  readonly device?: string;
  readonly proxy?: string;
  readonly proxyFile?: string;
}

interface AddOptions extends Choices {
  readonly kind: string;
}

interface ImportOptions extends Choices {
  readonly from: string;
  readonly stopped?: boolean;
  readonly keep?: boolean;
}

/** The choices as the node takes them. Throws SECRET_IN_ARGUMENTS, SECRET_FILE_OPEN and FILE_MISSING. */
async function choicesIn({ proxyFile, proxy, ...others }: Choices, command: string) {
  const instead = `${command} --proxy-file file`;
  if (proxy !== undefined) return { ...others, proxy: openProxy(proxy, instead) };
  if (proxyFile === undefined) return others;
  const file = await secretFile(proxyFile, { what: "A proxy's address", instead });
  return { ...others, proxy: (await readFile(file, "utf8")).trim() };
}

async function runImport(
  file: string | undefined,
  { from, stopped, keep = false, ...choices }: ImportOptions,
  options: FollowOptions,
  answers: Answers,
): Promise<number> {
  const { account } = options;
  const program = programNamed(from);
  const instead = `npx holdfast import ${account} --from ${from} < file`;
  const how = await choicesIn(choices, `npx holdfast import ${account} --from ${from}`);
  const { dcId, key } = await readForeignSession(
    program,
    file === undefined
      ? await answers.wrapped("Session string (not shown): ", isSession)
      : await secretFile(file, { what: "A session", instead }),
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
    next: "Name one of them with --from.",
  });
}

const notStopped = (account: string) =>
  new HoldfastError({
    code: "IMPORT_NOT_CONFIRMED",
    message: `Nothing was imported: two programs on one session end it for ever.`,
    next: `Stop the other program, then: npx holdfast import ${account} --stopped …`,
  });
