import { availableParallelism } from "node:os";
import { Command, CommanderError } from "commander";
import { errorLine, HoldfastError } from "../../errors.ts";
import { runCampaign } from "./campaign.ts";
import { coverageTable } from "./engine/coverage.ts";
import { type Kind, kinds } from "./kinds.ts";
import type { Tally } from "./tally.ts";

const { stdout, stderr } = process;

interface Options {
  readonly engine?: boolean;
  readonly seeds: number;
  readonly seed?: number;
  readonly from: number;
  readonly trace?: boolean;
  readonly json?: boolean;
  readonly coverage?: boolean;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new HoldfastError({
    code: "OPTION_MALFORMED",
    message: `"${text}" is not a whole number above 0.`,
    next: "Try: npm run simulate -- --seeds 1000",
  });
}

function summary(tally: Tally): string {
  const counts = Object.entries(tally.counts).map(([name, count]) => `${count} ${name}`);
  return `${tally.seeds} seeds, ${tally.violations} violations: ${tally.faults} faults (${tally.underLoad} with calls in flight), ${tally.answered} answered calls, ${counts.join(", ")}; slowest recovery ${(tally.recoveredMsMax / 1000).toFixed(1)} s; ${tally.steps} steps`;
}

/** One seed, cut down to the faults it needs when it breaks a rule. */
async function replay(seed: number, options: Options): Promise<number> {
  const { trace, json } = options;
  const print = (line: string) => void stdout.write(`${line}\n`);
  const { isBroken, text, run } = await kinds[kindOf(options)].replay(
    seed,
    trace === true ? print : undefined,
  );
  print(json === true ? JSON.stringify(run) : text);
  return isBroken ? 1 : 0;
}

const kindOf = ({ engine }: Options): Kind => (engine === true ? "engine" : "custody");

async function explore(options: Options): Promise<number> {
  const begunMs = performance.now();
  let toldMs = begunMs;
  const { tally, brokenSeed } = await runCampaign({
    of: kindOf(options),
    from: options.from,
    seeds: options.seeds,
    workers: Math.min(availableParallelism(), options.seeds),
    onProgress(done) {
      if (performance.now() - toldMs < 5000) return;
      toldMs = performance.now();
      const perSecond = (done.seeds * 1000) / (toldMs - begunMs);
      const leftS = (options.seeds - done.seeds) / perSecond;
      stderr.write(
        `simulate: ${done.seeds} of ${options.seeds} seeds, ${done.violations} violations, ${perSecond.toFixed(0)} seeds/s, ${leftS.toFixed(0)} s left\n`,
      );
    },
  });
  stdout.write(options.json === true ? `${JSON.stringify(tally)}\n` : `${summary(tally)}\n`);
  if (options.coverage === true && options.json !== true)
    stdout.write(`${coverageTable(tally.coverage)}\n`);
  return brokenSeed === null ? 0 : replay(brokenSeed, options);
}

async function main(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command("npm run simulate --")
    .description("Runs the core of custody over virtual time and simulated faults, seed by seed")
    .option("--engine", "the engine instead: streams, turns, replies, accounts and their renewals")
    .option("--seeds <n>", "how many seeds", wholeNumber, 1000)
    .option("--from <seed>", "the first of them", wholeNumber, 1)
    .option(
      "--seed <seed>",
      "only this one, as often as you like: it always runs the same",
      wholeNumber,
    )
    .option("--trace", "with --seed: what happens when")
    .option("--json", "figures as one line of JSON")
    .option("--coverage", "with --engine: how often each fault came, and what it met")
    .addHelpText(
      "after",
      "\nExits with 1 at the first broken rule, with the seed and the faults it needs.\n\nExamples:\n  npm run simulate -- --seeds 100000\n  npm run simulate -- --seed 4711 --trace\n  npm run simulate -- --engine --seeds 50000",
    )
    .exitOverride()
    .action(async (options: Options) => {
      exitCode =
        options.seed === undefined ? await explore(options) : await replay(options.seed, options);
    });
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    stderr.write(`simulate: ${errorLine(error)}\n`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
