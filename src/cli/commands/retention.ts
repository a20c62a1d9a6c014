import type { Command } from "commander";
import type { Removed } from "../../ports/retention.ts";
import { askFleet } from "../ask.ts";
import { print } from "../print.ts";

const { env } = process;
/** A part works for five seconds, and then ends the batch that it is at. */
const answerMsMax = 30_000;

interface RetentionOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `holdfast retention`: what is older than it is to be kept. */
export function addRetentionCommand(program: Command): void {
  program
    .command("retention")
    .description("remove now what is older than it is to be kept, as a host does every six hours")
    .option("--dry-run", "look, and change nothing")
    .option("--json", "as JSON: dryRun, removed (table, rows, bytes)")
    .addHelpText(
      "after",
      "\nHow long each kind of rows is kept, the variables HOLDFAST_KEEP_… say. The ledger of connections and the record of\ncommands stay.\n\nExamples:\n  npx holdfast retention --dry-run\n  npx holdfast retention --json",
    )
    .action(async ({ dryRun = false, json }: RetentionOptions) => {
      const sums = new Map<string, Removed>();
      for (let more = true; more; ) {
        const part = await askFleet("retention", { dryRun }, { env, timeoutMs: answerMsMax });
        for (const { table, rows, bytes } of part.removed) {
          const before = sums.get(table) ?? { rows: 0, bytes: 0 };
          sums.set(table, { table, rows: before.rows + rows, bytes: before.bytes + bytes });
        }
        more = part.more && part.removed.length > 0;
      }
      const removed = [...sums.values()];
      if (json === true) return print(JSON.stringify({ dryRun, removed }));
      for (const { table, rows, bytes } of removed) {
        print(`${table}: ${rows} rows, ${bytes} bytes ${dryRun ? "would go" : "are gone"}`);
      }
      if (removed.length === 0) print("nothing is older than it is to be kept");
    });
}
