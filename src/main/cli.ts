import { Command, CommanderError } from "commander";
import { ask } from "../cli/ask.ts";
import { addUseCommands } from "../cli/account-use.ts";
import { readSecret } from "../cli/standard-input.ts";
import { readStatus, statusTable } from "../cli/status.ts";
import { errorLine, HoldfastError } from "../errors.ts";

const { env, stdout, stderr } = process;

/** Runs one command; resolves with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command("holdfast")
    .description("Holds Telegram accounts so that they are never logged out")
    .showHelpAfterError("(try: npx holdfast --help)")
    .exitOverride();

  program
    .command("start")
    .description(
      "start everything that is not named by HOLDFAST_* variables, and serve until Ctrl-C",
    )
    .action(async () => {
      const { runStart } = await import("./start.ts");
      exitCode = await runStart([]);
    });

  program
    .command("demo")
    .description("a finite, narrated run of the main job; exits 0 only if every claim held")
    .option("--json", "end with one line of figures")
    .option(
      "--turns <n>",
      "conversation turns at least",
      (text) => wholeNumber("--turns", text),
      300,
    )
    .option("--break <fault>", "plant a fault (overlap, lose, duplicate): the demo must then fail")
    .action(async (options: { json?: boolean; turns: number; break?: string }) => {
      const { runDemo } = await import("./demo.ts");
      exitCode = await runDemo(options);
    });

  program
    .command("status [account]")
    .description("where each account is, and why")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  npx holdfast status\n  npx holdfast status site-bot --json",
    )
    .action(async (account: string | undefined, { json }: { json?: boolean }) => {
      const status = await readStatus(account, { env });
      const { accounts } = status;
      stdout.write(
        json === true ? `${JSON.stringify({ accounts })}\n` : `${statusTable(accounts)}\n`,
      );
      exitCode = status.exitCode;
    });

  addAccountCommands(program);
  addUseCommands(program, (code) => {
    exitCode = code;
  });

  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    stderr.write(`holdfast: ${errorLine(error)}\n`);
    return 1;
  }
}

function addAccountCommands(program: Command): void {
  program
    .command("add <account>")
    .description("add an account; a bot token or a phone number is read from standard input")
    .requiredOption("--kind <kind>", "bot or user")
    .option("--driver <driver>", "the client library that connects: mtcute or telegram", "mtcute")
    .addHelpText("after", '\nExample:\n  echo "$BOT_TOKEN" | npx holdfast add site-bot --kind bot')
    .action(async (account: string, { kind, driver }: { kind: string; driver: string }) => {
      const secret = await readSecret();
      const login = kind === "bot" ? { botToken: secret } : { phone: secret };
      await ask(`holdfast.account.${account}.add`, { ...login, driver }, { env });
      stdout.write(`${account} is added. Log it in with: npx holdfast login ${account}\n`);
    });

  const simple = [
    ["login", "authorise the account; a user account then waits for: npx holdfast code <account>"],
    ["renew", "move the account to a fresh key without a logout"],
    ["pause", "stay connected and send nothing"],
    ["resume", "serve again"],
    ["stop", "let what is in flight finish, then give the account up"],
  ] as const;
  for (const [verb, description] of simple) {
    program
      .command(`${verb} <account>`)
      .description(description)
      .action(async (account: string) => {
        const answer = await ask(`holdfast.account.${account}.${verb}`, {}, { env });
        const state = answer["state"] ?? `renewal ${JSON.stringify(answer["renewal"])} has begun`;
        stdout.write(`${account}: ${typeof state === "string" ? state : JSON.stringify(state)}\n`);
      });
  }

  program
    .command("code <account>")
    .description("give the login code that an account waits for; read from standard input")
    .action(async (account: string) => {
      await ask(`holdfast.account.${account}.code`, { code: await readSecret() }, { env });
      stdout.write(`${account}: the code was passed on\n`);
    });
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new HoldfastError({
    code: "OPTION_MALFORMED",
    message: `${option} takes a whole number above 0, not "${text}".`,
  });
}
