import type { Command } from "commander";

/** `holdfast start`: everything in one folder, until a signal. */
export function addStartCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("start")
    .description(
      "start everything that is not named by HOLDFAST_* variables, and serve until Ctrl-C",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  npx holdfast start\n  HOLDFAST_BOT=bot.ts npx holdfast start",
    )
    .action(async () => {
      const { runStart } = await import("../run-start.ts");
      setExitCode(await runStart());
    });
}
