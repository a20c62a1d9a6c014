import type { Command } from "commander";
import { print } from "../print.ts";
import { auditText, readCalls } from "../audit.ts";
import { sinceMs } from "../since.ts";

const { env } = process;

/** `holdfast audit`: who asked for what, and what came of it. */
export function addAuditCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("audit")
    .description("who asked for what, when, and what came of it")
    .option("--account <name>", "of one account")
    .option("--by <caller>", "of one caller, by name or public key")
    .option("--since <time>", "30m, 12h, 7d, or a moment in ISO 8601", "24h")
    .option("--verify", "follow the chains of hashes, and exit with 1 where one is broken")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nNo command runs before it is recorded. Secrets are not kept, and of texts the length and a mark that equal texts\nshare. The outcome `unknown` is a call whose end was not recorded: its node ended, or Postgres was away.\n\nExamples:\n  npx holdfast audit --since 1h\n  npx holdfast audit --account site-bot --by ci --verify",
    )
    .action(
      async (options: {
        account?: string;
        by?: string;
        since: string;
        verify?: boolean;
        json?: boolean;
      }) => {
        const { account, by, since, verify, json } = options;
        const read = await readCalls(env, {
          sinceMs: sinceMs(since, Date.now()),
          verify: verify === true,
          ...(account === undefined ? {} : { account }),
          ...(by === undefined ? {} : { by }),
        });
        if ((read.breaks ?? []).length > 0) setExitCode(1);
        print(json === true ? JSON.stringify(read) : auditText(read));
      },
    );
}
