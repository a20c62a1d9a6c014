import { Command, CommanderError } from "commander";
import { addUseCommands } from "../cli/commands/use.ts";
import { addConversationCommands } from "../cli/commands/conversations.ts";
import { addInitCommand } from "../cli/commands/init.ts";
import { addLogsCommand } from "../cli/commands/logs.ts";
import { addMigrateCommands } from "../cli/commands/migrate.ts";
import { addServiceCommands } from "../cli/commands/service.ts";
import { addSessionCommands } from "../cli/commands/sessions.ts";
import { addSettingCommands } from "../cli/commands/settings.ts";
import { readStatus, statusTable } from "../cli/commands/status.ts";
import { errorLine, HoldfastError } from "../errors.ts";

const { env, stdout, stderr } = process;

/** Every command with its description, by group; README's table is written from it. */
export function createProgram(setExitCode: (code: number) => void): Command {
  const program = new Command("holdfast")
    .description("Holds Telegram accounts so that they are never logged out")
    .showHelpAfterError("(try: npx holdfast --help)")
    .exitOverride();

  program.commandsGroup("The service:");
  program
    .command("start")
    .description(
      "start everything that is not named by HOLDFAST_* variables, and serve until Ctrl-C",
    )
    .action(async () => {
      const { runStart } = await import("./start.ts");
      setExitCode(await runStart([]));
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
      setExitCode(await runDemo(options));
    });

  program
    .command("status [account]")
    .alias("accounts")
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
      setExitCode(status.exitCode);
    });

  addServiceCommands(program);
  addLogsCommand(program);
  addMigrateCommands(program, setExitCode);
  program.commandsGroup("An account's session:");
  addSessionCommands(program, setExitCode);
  addSettingCommands(program);
  program.commandsGroup("Using an account, and who holds it:");
  addUseCommands(program, setExitCode);
  program.commandsGroup("Bots and conversations:");
  addInitCommand(program);
  addConversationCommands(program, setExitCode);
  return program;
}

/** Runs one command; resolves with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = createProgram((code) => {
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

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new HoldfastError({
    code: "OPTION_MALFORMED",
    message: `${option} takes a whole number above 0, not "${text}".`,
  });
}
