import type { Command } from "commander";
import { print } from "../print.ts";
import { writeClusterKeys } from "../../embedded/nats-cluster-keys.ts";

/** `holdfast nats-keys`: the lock of NATS servers that Holdfast does not start itself. */
export function addNatsKeysCommand(program: Command): void {
  program
    .command("nats-keys <folder>")
    .description("make the keys by which your own NATS servers know gates, nodes and operators")
    .option("--servers <names>", "the servers of the cluster", "nats-1,nats-2,nats-3")
    .addHelpText("after", "\nExample:\n  npx holdfast nats-keys ./nats-keys")
    .action(async (folder: string, { servers }: { servers: string }) => {
      const { files, operator } = await writeClusterKeys(folder, servers.split(","));
      for (const file of files) print(file);
      print("The servers get the folder server/ alone, each host gate.creds and node.creds.");
      print(`Each host knows its operator by: HOLDFAST_OPERATORS=${operator}`);
      print("Who has keys.json can make any user: keep it where none of them runs.");
    });
}
