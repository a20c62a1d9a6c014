import { join, resolve } from "node:path";
import type { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import { countIn } from "../count-in.ts";
import { levelIn, type LogChoice, logLine } from "../log-lines.ts";
import { followLog, openLogReading } from "../log-reading.ts";
import { print, printError, screenGone } from "../print.ts";
import { sinceMs } from "../since.ts";

const { env } = process;

interface LogsGiven {
  readonly follow?: boolean;
  readonly since?: string;
  readonly lines?: string;
  readonly level?: string;
  readonly json?: boolean;
}

/** Reads the existing lines, then, if wished, the coming ones. */
export function addLogsCommand(program: Command): void {
  program
    .command("logs [account]")
    .description("what happened on this host, of one account or of all")
    .option("--follow", "go on with what happens, until Ctrl-C")
    .option("--since <time>", "30m, 12h, 7d, or a moment in ISO 8601")
    .option("--lines <n>", "the newest of those that are there already")
    .option("--level <level>", "this one and worse: trace, debug, info, warn, error, fatal")
    .option("--json", "each line as it was logged: a JSON object with time, level, account and msg")
    .addHelpText(
      "after",
      "\nExamples:\n  npx holdfast logs site-desk\n  npx holdfast logs --follow --lines 20\n  npx holdfast logs --since 1h --level warn",
    )
    .action(async (account: string | undefined, given: LogsGiven) => {
      const choice: LogChoice = {
        account: account ?? null,
        fromMs: given.since === undefined ? null : sinceMs(given.since, Date.now()),
        level: levelIn(given.level),
        isJson: given.json === true,
      };
      const linesMax =
        given.lines === undefined ? Number.POSITIVE_INFINITY : countIn("--lines", given.lines);
      const folder = join(resolve(env["HOLDFAST_HOME"] ?? ".holdfast"), "logs");
      /** Those that are there already, as long as only the newest are wanted; null: each is shown at once. */
      let newest: string[] | null = given.lines === undefined ? null : [];
      let shown = 0;
      const reading = openLogReading(folder, "gate", (line) => {
        const text = logLine(line, choice);
        if (text === null) return;
        shown += 1;
        if (newest === null) return print(text);
        newest.push(text);
        if (newest.length > 2 * linesMax) newest = newest.slice(-linesMax);
      });
      if (reading === null) throw noLog(join(folder, "gate.log"));
      try {
        reading.readOn();
        for (const text of newest?.slice(-linesMax) ?? []) print(text);
        newest = null;
        if (given.follow === true) await followLog(folder, reading, screenGone);
        else if (shown === 0)
          printError(
            `nothing of that is logged here${account === undefined ? "" : `; see the accounts with: npx holdfast status`}`,
          );
      } finally {
        reading.close();
      }
    });
}

const noLog = (path: string) =>
  new HoldfastError({
    code: "LOG_MISSING",
    message: `${path} is not there.`,
    next: "Logs are written where `holdfast start` runs; name its folder in HOLDFAST_HOME.",
  });
