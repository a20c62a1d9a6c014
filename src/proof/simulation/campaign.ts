import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Share, Told } from "./campaign-worker.ts";
import type { Kind } from "./kinds.ts";
import { addTallies, emptyTally, type Tally } from "./tally.ts";

export interface CampaignOptions {
  readonly of: Kind;
  /** The first seed and the number of seeds. */
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  onProgress(tally: Tally): void;
}

export interface CampaignResult {
  readonly tally: Tally;
  /** The lowest seed that broke a rule; null when none did. */
  readonly brokenSeed: number | null;
}

/** Runs many seeds on several processes; ends early once a seed has broken a rule. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { of, from, seeds, workers, onProgress } = options;
  let tally = emptyTally;
  let brokenSeed: number | null = null;
  const running: ChildProcess[] = [];

  function run(index: number): Promise<void> {
    const share: Share = { of, first: from + index, stride: workers, end: from + seeds };
    const worker = fork(fileURLToPath(new URL("./campaign-worker.ts", import.meta.url)), [], {
      execArgv: [],
    });
    running.push(worker);
    worker.send(share);
    return new Promise((resolve, reject) => {
      worker.on("message", (told: Told) => {
        tally = addTallies(tally, told.tally);
        onProgress(tally);
        if (told.brokenSeed === null) return;
        brokenSeed = Math.min(brokenSeed ?? Infinity, told.brokenSeed);
        for (const one of running) one.kill("SIGKILL");
      });
      worker.once("error", reject);
      worker.once("exit", (code) => {
        if (code === 0 || brokenSeed !== null) resolve();
        else reject(new Error(`a worker ended with exit code ${code}`));
      });
    });
  }

  await Promise.all(Array.from({ length: workers }, (_, index) => run(index)));
  return { tally, brokenSeed };
}
