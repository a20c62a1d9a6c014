import { resolve } from "node:path";
import type { Command } from "commander";
import { print, printError } from "../print.ts";

const { env } = process;

const progressMs = 1000;

interface SweepOptions {
  readonly dryRun?: boolean;
  readonly keepCache?: boolean;
  readonly json?: boolean;
}

/** `holdfast sweep`: what dead processes and ended work have left behind. */
export function addSweepCommand(program: Command): void {
  program
    .command("sweep")
    .description("remove what is certain to be of no use any more, and say what stays")
    .option("--dry-run", "look, and change nothing")
    .option("--keep-cache", "leave cached results in the fleet's database")
    .option(
      "--json",
      "as JSON: home, dryRun, removed (kind, count, bytes, names), total, preserved",
    )
    .addHelpText(
      "after",
      "\nRemoved: locks, process files, sockets and temporary files of dead owners after 5 minutes, results that a finished\nrecord covers after 8 minutes, logs after 7 days. Sessions at rest for 24 hours expire. It may run at any time, and twice.\n\nExamples:\n  npx holdfast sweep --dry-run\n  npx holdfast sweep --keep-cache --json",
    )
    .action(async ({ dryRun = false, keepCache = false, json }: SweepOptions) => {
      const [{ refuseUnusableHome, sweepHome }, { fleetDatabaseUrl, sweepFleet }, report] =
        await Promise.all([
          import("../../embedded/home-sweep.ts"),
          import("../fleet-sweep.ts"),
          import("../sweep-report.ts"),
        ]);
      const home = resolve(env["HOLDFAST_HOME"] ?? ".holdfast");
      if (!dryRun) refuseUnusableHome(home);
      const url = await fleetDatabaseUrl(env, home);
      const begunMs = performance.now();
      const progress = setInterval(() => {
        const seconds = Math.round((performance.now() - begunMs) / 1000);
        printError(`the fleet's database is being swept (${seconds} s)`);
      }, progressMs);
      const how = { dryRun, keepCache };
      const fleet = await sweepFleet(url, how).finally(() => clearInterval(progress));
      const own = await sweepHome({ home, now: () => new Date(), dryRun });
      const found = report.sweepReport(home, dryRun, [own, fleet]);
      print(json === true ? JSON.stringify(found) : report.sweepText(found));
    });
}
