import { CommanderError } from "commander";
import { exitCodeOf, exitCodes } from "../cli/exit-codes.ts";
import { printError } from "../cli/print.ts";
import { programFor } from "../cli/program.ts";
import { errorLine } from "../errors.ts";

/** Runs one command; resolves with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.well;
  try {
    if (args.length === 0) {
      const { showOverview } = await import("../cli/commands/overview.ts");
      return await showOverview();
    }
    const program = await programFor(args, (code) => {
      exitCode = code;
    });
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    // Help and version end by an error too, with the code of an end that is well.
    if (error instanceof CommanderError)
      return error.exitCode === 0 ? exitCodes.well : exitCodes.misused;
    printError(`holdfast: ${errorLine(error)}`);
    return exitCodeOf(error);
  }
}
