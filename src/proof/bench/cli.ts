import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startEmbedded } from "../../embedded/launcher.ts";
import { provisionExampleAccounts } from "../../embedded/provision.ts";
import { packageFile } from "../../files.ts";
import { type Figure, figure, percentile } from "./figures.ts";

const run = promisify(execFile);
const rounds = 15;
/** The first start of each command compiles it. */
const warmups = 2;
const helpMax = 4;
const statusMax = 8;

async function timeOf(args: readonly string[], home: string): Promise<number> {
  const startMs = performance.now();
  await run(process.execPath, [...args], { env: { ...process.env, HOLDFAST_HOME: home } });
  return performance.now() - startMs;
}

/** How long a person waits for the list of commands and for the status of a service, beside Node's own start. */
export async function measureCommands(log: (line: string) => void): Promise<readonly Figure[]> {
  const home = await mkdtemp(join(tmpdir(), "holdfast-bench-cli-"));
  const env = { ...process.env, HOLDFAST_HOME: home };
  const running = await startEmbedded({ env, log: () => {}, provision: provisionExampleAccounts });
  const bin = packageFile("bin/holdfast.js");
  const typed = { node: ["-e", "0"], help: [bin, "--help"], status: [bin, "status"] };
  const times = { node: [] as number[], help: [] as number[], status: [] as number[] };
  try {
    for (let round = 0; round < warmups + rounds; round += 1) {
      for (const name of ["node", "help", "status"] as const) {
        const tookMs = await timeOf(typed[name], home);
        if (round >= warmups) times[name].push(tookMs);
      }
    }
  } finally {
    await running.stop();
    await rm(home, { recursive: true, force: true });
  }
  const [node, help, status] = [times.node, times.help, times.status].map((all) =>
    percentile(all, 0.5),
  );
  log(`Node alone: ${node!.toFixed(0)} ms`);
  return [
    figure("help", help!, "ms", helpMax * node!),
    figure("status", status!, "ms", statusMax * node!),
  ];
}
