import { join, resolve } from "node:path";
import type { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import { followLog, openLogReading } from "../log-reading.ts";
import { print, screenGone } from "../print.ts";

const { env } = process;

const levels: Readonly<Record<number, string>> = {
  10: "trace",
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
  60: "fatal",
};

/** One line of the gate's and the node's log as a person reads it; null for another account's. */
function logLine(text: string, account: string | undefined): string | null {
  let entry: Readonly<Record<string, unknown>>;
  try {
    entry = JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return account === undefined ? text : null;
  }
  if (account !== undefined && entry["account"] !== account) return null;
  const at = new Date(Number(entry["time"])).toISOString();
  const level = (levels[Number(entry["level"])] ?? "").padEnd(5);
  const of = typeof entry["account"] === "string" ? `${entry["account"]}: ` : "";
  return `${at}  ${level}  ${of}${String(entry["msg"])}`;
}

/** Reads the existing lines, then, if wished, the coming ones. */
export function addLogsCommand(program: Command): void {
  program
    .command("logs [account]")
    .description("what happened on this host, of one account or of all")
    .option("--follow", "go on with what happens, until Ctrl-C")
    .addHelpText(
      "after",
      "\nExamples:\n  npx holdfast logs site-desk\n  npx holdfast logs --follow",
    )
    .action(async (account: string | undefined, { follow }: { follow?: boolean }) => {
      const folder = join(resolve(env["HOLDFAST_HOME"] ?? ".holdfast"), "logs");
      const reading = openLogReading(folder, "gate", (line) => {
        const shown = logLine(line, account);
        if (shown !== null) print(shown);
      });
      if (reading === null) throw noLog(join(folder, "gate.log"));
      try {
        if (follow === true) await followLog(folder, reading, screenGone);
        else reading.readOn();
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
