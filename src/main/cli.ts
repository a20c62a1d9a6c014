import { CommanderError } from "commander";
import { exitCodeOf, exitCodes } from "../cli/exit-codes.ts";
import { isCollecting, printError, printJson, takePrinted } from "../cli/print.ts";
import { programFor } from "../cli/program.ts";
import { HoldfastError, lastWord } from "../errors.ts";

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
    if (isCollecting()) printJson({ ok: exitCode === 0, exitCode, said: takePrinted() });
    return exitCode;
  } catch (error) {
    // Help and version end by an error too, with the code of an end that is well.
    if (error instanceof CommanderError)
      return error.exitCode === 0 ? exitCodes.well : exitCodes.misused;
    const code = exitCodeOf(error);
    const last = lastWord(error, {
      what: `The command ${args[0]} did not finish`,
      next: "Try it again; if it fails again, look at: npx holdfast doctor",
    });
    if (args.includes("--json")) printJson(refusalJson(last, code));
    printError(`holdfast: ${last.line}`);
    return code;
  }
}

/** What a script reads of a command that was refused, whatever shape its answer would have had. */
function refusalJson({ code, message, next }: HoldfastError, exitCode: number): object {
  const said = takePrinted();
  const heard = said.length === 0 ? {} : { said };
  return { ok: false, exitCode, code, message, ...(next !== undefined && { next }), ...heard };
}
