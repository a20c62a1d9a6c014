import type { Command } from "commander";

/** `holdfast start`: everything in one folder, until a signal. */
export function addStartCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("start")
    .description(
      "start everything that is not named by HOLDFAST_* variables, and serve until Ctrl-C",
    )
    .action(async () => {
      const { runStart } = await import("../run-start.ts");
      setExitCode(await runStart());
    });
}
