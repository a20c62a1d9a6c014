import { resolve } from "node:path";
import type { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { print, printError } from "../print.ts";

const { env, stdin } = process;

interface ShutdownGiven {
  readonly force?: boolean;
  readonly keepCache?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `holdfast shutdown`: a stop that verifies, sweeps and reports. */
export function addShutdownCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("shutdown")
    .description("stop the service of this folder, verify that it is idle, sweep, and report")
    .option("--force", "cut what is in flight, a renewal or a start that is under way too")
    .option("--keep-cache", "leave cached results in the fleet's database")
    .option("--yes", "do not ask")
    .option(
      "--json",
      "as JSON: home, stopped, verified, sweep, health, next; steps go to the error output",
    )
    .addHelpText(
      "after",
      "\nExits with 1 when something is left, and with 2 when nobody can be asked: then give --yes.\nWhere nothing runs it sweeps and reports all the same. What `npx holdfast sweep` leaves, it leaves too.\n\nExamples:\n  npx holdfast shutdown\n  npx holdfast shutdown --yes --keep-cache",
    )
    .action(async ({ force = false, keepCache = false, yes, json }: ShutdownGiven) => {
      const home = resolve(env["HOLDFAST_HOME"] ?? ".holdfast");
      if (yes !== true && !stdin.isTTY) {
        printError(`holdfast: ${unasked().line}`);
        return setExitCode(exitCodes.misused);
      }
      if (yes !== true && !(await isSure(home))) throw declined();
      const { shutDown } = await import("../shutdown.ts");
      const now = () => new Date();
      const report = await shutDown({ home, env, force, keepCache, now, tell: printError });
      const { shutdownText } = await import("../shutdown-text.ts");
      print(json === true ? JSON.stringify(report) : shutdownText(report));
      setExitCode(report.verified.some(({ well }) => well === false) ? 1 : 0);
    });
}

async function isSure(home: string): Promise<boolean> {
  const { createAnswers } = await import("../answers.ts");
  const answers = createAnswers();
  try {
    return await answers.confirm(`Stop the service of ${home}, and sweep it?`);
  } finally {
    answers.close();
  }
}

const unasked = () =>
  new HoldfastError({
    code: "NOT_CONFIRMED",
    message: "There is no terminal to ask at; nothing was stopped.",
    next: "Say so with: npx holdfast shutdown --yes",
  });

const declined = () =>
  new HoldfastError({
    code: "NOT_CONFIRMED",
    message: "Nothing was stopped.",
    next: "Say so with: npx holdfast shutdown --yes",
  });
