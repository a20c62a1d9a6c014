import { open } from "node:fs/promises";
import { watch } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import { print, screenGone } from "../print.ts";

const { env } = process;

/** A file that is read anew is read in pieces of this many bytes. */
const pieceBytes = 64 * 1024;
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
      const path = join(resolve(env["HOLDFAST_HOME"] ?? ".holdfast"), "logs", "gate.log");
      const file = await open(path).catch((cause: unknown) => Promise.reject(noLog(path, cause)));
      let [at, rest] = [0, ""];

      async function readOn(): Promise<void> {
        const piece = Buffer.alloc(pieceBytes);
        for (;;) {
          const { bytesRead } = await file.read(piece, 0, pieceBytes, at);
          if (bytesRead === 0 || screenGone.aborted) return;
          at += bytesRead;
          const lines = (rest + piece.toString("utf8", 0, bytesRead)).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) {
            const shown = line === "" ? null : logLine(line, account);
            if (shown !== null) print(shown);
          }
        }
      }

      try {
        await readOn();
        if (follow !== true) return;
        const changes = watch(path);
        await new Promise<void>((done, reject) => {
          changes.on("change", () => void readOn().catch(reject));
          changes.once("error", reject);
          if (screenGone.aborted) done();
          else screenGone.addEventListener("abort", () => done());
        });
        changes.close();
      } finally {
        await file.close();
      }
    });
}

const noLog = (path: string, cause: unknown) =>
  new HoldfastError({
    code: "LOG_MISSING",
    message: `${path} is not there.`,
    next: "Logs are written where `holdfast start` runs; name its folder in HOLDFAST_HOME.",
    cause,
  });
