import type { Command } from "commander";
import { print } from "../print.ts";

const { env } = process;

/** `holdfast hosts`: one line a host. */
export function addHostsCommand(program: Command): void {
  program
    .command("hosts")
    .description("the hosts of the fleet: since when, whether they serve, and what they hold")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nA host serves, or lives and takes no accounts (not-serving, as it starts or leaves). One that is silent has not\nrenewed its lease; from a revoked one others took the accounts, and it is shown for a day.\n\nExamples:\n  npx holdfast hosts\n  npx holdfast hosts --json",
    )
    .action(async ({ json }: { json?: boolean }) => {
      const { askFleet } = await import("../ask.ts");
      const { onceMore } = await import("../once-more.ts");
      const { hostsTable } = await import("../hosts-table.ts");
      const { screenColumns } = await import("../table.ts");
      const { hosts } = await onceMore({ env }, (asking) => askFleet("hosts", {}, asking));
      print(json === true ? JSON.stringify({ hosts }) : hostsTable(hosts, screenColumns()));
    });
}
