// As the node itself runs.
import "../../node/v8-flags.ts";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { faultNames, measureBystanders } from "./bystanders.ts";
import { measureCommands } from "./cli.ts";
import { measureCustody } from "./custody.ts";
import type { Figure } from "./figures.ts";
import { measureGateThroughput } from "./gate-throughput.ts";
import { measureGrowth } from "./growth.ts";
import { measureHeartbeat } from "./heartbeat.ts";
import { measureIdle } from "./idle.ts";
import { measureRenewals } from "./renewal.ts";
import { measureTurnFlow } from "./turn-flow.ts";
import { measureTurnStores } from "./turn-stores.ts";
import { errorLine, HoldfastError } from "../../errors.ts";

const { stdout, stderr } = process;

type Log = (line: string) => void;

type Stage = (log: Log, isQuick: boolean) => Promise<readonly Figure[]>;

/** Each stage runs in a process of its own: what one leaves in memory is no other's burden. */
const suites: Readonly<Record<string, Readonly<Record<string, Stage>>>> = {
  custody: {
    gate(log) {
      log("calls through the gate and past it");
      return measureGateThroughput();
    },
    heartbeat(log) {
      log("heartbeats of 100 and of 10,000 accounts");
      return measureHeartbeat();
    },
    hosts(log) {
      log("handovers and takeovers of real hosts");
      return measureCustody(log);
    },
  },
  conversations: {
    stores(log) {
      log("durable turns, beside the pattern that they replace and a bot framework's storage");
      return measureTurnStores(log);
    },
    flow(log) {
      log("turns from the stream to the reply");
      return measureTurnFlow(log);
    },
  },
  cli: {
    commands(log) {
      log("the list of commands and the status of a service, beside Node's own start");
      return measureCommands(log);
    },
  },
  idle: {
    accounts(log) {
      log("1,000 accounts with nothing to do, by both drivers");
      return measureIdle(log);
    },
  },
  bystanders: Object.fromEntries(
    faultNames.map((fault): [string, Stage] => [
      fault,
      (log, isQuick) => {
        log(`1,000 users talk, and something goes wrong for others: ${fault}`);
        return measureBystanders(fault, log, isQuick);
      },
    ]),
  ),
  growth: {
    month(log, isQuick) {
      log("30 days of traffic, with the retention and without it");
      return measureGrowth(log, isQuick);
    },
  },
  renewal: {
    methods(log) {
      log("renewals by every method, beside the procedure that they replace");
      return measureRenewals(log);
    },
  },
};

interface Options {
  readonly json?: boolean;
  readonly stage?: string;
  readonly quick?: boolean;
}

async function run(name: string, { json = false, stage, quick = false }: Options): Promise<void> {
  const suite = suites[name];
  if (suite === undefined) throw unknown("suite", name, Object.keys(suites));
  if (stage !== undefined) {
    const measure = suite[stage];
    if (measure === undefined) throw unknown("stage", stage, Object.keys(suite));
    show(name, await measure((line) => void stderr.write(`· ${line}\n`), quick), json);
    return;
  }
  const figures: Figure[] = [];
  for (const one of Object.keys(suite)) figures.push(...(await runApart(name, one, quick)));
  show(name, figures, json);
}

function show(suite: string, figures: readonly Figure[], json: boolean): void {
  if (json) stdout.write(`${JSON.stringify({ suite, figures })}\n`);
  else {
    for (const { name: what, value, unit, baseline, ratio } of figures) {
      stdout.write(`${what.padEnd(38)}${value} ${unit}, to ${baseline}: ${ratio}\n`);
    }
  }
}

/** The figures of one stage, measured by another process of this program. */
async function runApart(
  suite: string,
  stage: string,
  isQuick: boolean,
): Promise<readonly Figure[]> {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), suite, "--stage", stage];
  const child = spawn(process.execPath, [...args, ...(isQuick ? ["--quick"] : []), "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (chunk) => (said += String(chunk)));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) {
    throw new HoldfastError({
      code: "STAGE_FAILED",
      message: `The stage ${stage} ended without figures; its own words stand above.`,
      next: `Run it alone: npm run bench -- ${suite} --stage ${stage}`,
    });
  }
  return (JSON.parse(said) as { readonly figures: readonly Figure[] }).figures;
}

const unknown = (what: "suite" | "stage", name: string, names: readonly string[]) =>
  new HoldfastError({
    code: `${what.toUpperCase()}_UNKNOWN`,
    message: `There is no ${what} "${name}"; there are: ${names.join(", ")}.`,
    next: "Try: npm run bench -- custody",
  });

async function main(args: readonly string[]): Promise<number> {
  const program = new Command("npm run bench --")
    .description("Measures; every figure stands beside what it is compared with in the same run")
    .argument("<suite>", Object.keys(suites).join(", "))
    .option("--json", "end with one line of JSON")
    .option("--stage <name>", "only this part of the suite")
    .option(
      "--quick",
      "a look at the program in seconds; the figures say little (bystanders, growth)",
    )
    .addHelpText(
      "after",
      "\nExample:\n  npm run bench -- custody --json\n  npm run bench -- conversations --stage flow",
    )
    .exitOverride()
    .action((suite: string, options: Options) => run(suite, options));
  try {
    await program.parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    stderr.write(`bench: ${errorLine(error)}\n`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
