import { Command, CommanderError } from "commander";
import { addNewcomerCommands } from "../cli/commands/add-and-import.ts";
import { addAdoptFleetCommand } from "../cli/commands/adopt-fleet.ts";
import { addAnswerCommands } from "../cli/commands/answer.ts";
import { addAuditCommand } from "../cli/commands/audit.ts";
import { addReplyCommands } from "../cli/commands/replies.ts";
import { addBackupCommands } from "../cli/commands/backup.ts";
import { addCallerCommands } from "../cli/commands/callers.ts";
import { addConversationCommands } from "../cli/commands/conversations.ts";
import { addDemoCommand } from "../cli/commands/demo.ts";
import { addDoctorCommands } from "../cli/commands/doctor.ts";
import { addInitCommand } from "../cli/commands/init.ts";
import { addLoginCommands } from "../cli/commands/login-and-renew.ts";
import { addLogsCommand } from "../cli/commands/logs.ts";
import { addMigrateCommands } from "../cli/commands/migrate.ts";
import { addNatsKeysCommand } from "../cli/commands/nats-keys.ts";
import { addRecoverCommand } from "../cli/commands/recover.ts";
import { addRemoveCommand } from "../cli/commands/remove.ts";
import { addServiceCommands } from "../cli/commands/service.ts";
import { addSettingCommands } from "../cli/commands/settings.ts";
import { addStartCommand } from "../cli/commands/start.ts";
import { addStateCommands } from "../cli/commands/states.ts";
import { addStatusCommand } from "../cli/commands/status.ts";
import { addUseCommands } from "../cli/commands/use.ts";
import { errorLine } from "../errors.ts";
import { printError } from "../cli/print.ts";

/** Every command with its description, by group; README's table is written from it. */
export function createProgram(setExitCode: (code: number) => void): Command {
  const program = new Command("holdfast")
    .description("Holds Telegram accounts so that they are never logged out")
    .showHelpAfterError("(try: npx holdfast --help)")
    .exitOverride();

  program.commandsGroup("The service:");
  addStartCommand(program, setExitCode);
  addDemoCommand(program, setExitCode);
  addStatusCommand(program, setExitCode);
  addServiceCommands(program);
  addLogsCommand(program);
  addMigrateCommands(program, setExitCode);
  addBackupCommands(program);
  addDoctorCommands(program, setExitCode);
  addNatsKeysCommand(program);
  addAdoptFleetCommand(program);
  program.commandsGroup("An account's session:");
  addNewcomerCommands(program, setExitCode);
  addLoginCommands(program, setExitCode);
  addRecoverCommand(program, setExitCode);
  addAnswerCommands(program);
  addStateCommands(program);
  addRemoveCommand(program);
  addSettingCommands(program);
  program.commandsGroup("Using an account, and who holds it:");
  addUseCommands(program, setExitCode);
  program.commandsGroup("Who may speak to it, and who did:");
  addReplyCommands(program);
  addCallerCommands(program);
  addAuditCommand(program, setExitCode);
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
    printError(`holdfast: ${errorLine(error)}`);
    return 1;
  }
}
