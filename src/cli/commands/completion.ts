import completeBy from "@bomb.sh/tab/commander";
import type { Command } from "commander";

/** `holdfast completion`: what a shell needs to complete the commands and options that the program has by now. */
export function addCompletionCommand(program: Command): void {
  completeBy(program, { completionCommandName: "completion" });
  program.commands
    .find((command) => command.name() === "completion")
    ?.description("print the script by which a shell completes commands and options")
    .addHelpText(
      "after",
      "\nExamples:\n  source <(holdfast completion bash)\n  holdfast completion zsh > ~/.zfunc/_holdfast\n  holdfast completion fish > ~/.config/fish/completions/holdfast.fish",
    );
}
