// As the node itself runs.
import "./compile-early.ts";
import { Command, CommanderError } from "commander";
import { measureCustody } from "../bench/custody.ts";
import type { Figure } from "../bench/figures.ts";
import { measureGateThroughput } from "../bench/gate-throughput.ts";
import { measureHeartbeat } from "../bench/heartbeat.ts";
import { measureRenewals } from "../bench/renewal.ts";
import { measureTurnFlow } from "../bench/turn-flow.ts";
import { measureTurnStores } from "../bench/turn-stores.ts";
import { errorLine, HoldfastError } from "../errors.ts";

const { stdout, stderr } = process;

type Log = (line: string) => void;

const suites: Readonly<Record<string, (log: Log) => Promise<readonly Figure[]>>> = {
  async custody(log) {
    log("calls through the gate and past it");
    const gate = await measureGateThroughput();
    log("heartbeats of 100 and of 10,000 accounts");
    const heartbeat = await measureHeartbeat();
    log("handovers and takeovers of real hosts");
    return [...gate, ...heartbeat, ...(await measureCustody(log))];
  },
  async conversations(log) {
    log("durable turns, beside the pattern that they replace and a bot framework's storage");
    const stores = await measureTurnStores(log);
    log("turns from the stream to the reply");
    return [...stores, ...(await measureTurnFlow(log))];
  },
  async renewal(log) {
    log("renewals by every method, beside the procedure that they replace");
    return measureRenewals(log);
  },
};

async function run(name: string, json: boolean): Promise<void> {
  const suite = suites[name];
  if (suite === undefined) {
    throw new HoldfastError({
      code: "SUITE_UNKNOWN",
      message: `There is no suite "${name}"; there are: ${Object.keys(suites).join(", ")}.`,
      next: "Try: npm run bench -- custody",
    });
  }
  const figures = await suite((line) => void stderr.write(`· ${line}\n`));
  if (json) stdout.write(`${JSON.stringify({ suite: name, figures })}\n`);
  else {
    for (const { name: what, value, unit, baseline, ratio } of figures) {
      stdout.write(`${what.padEnd(38)}${value} ${unit}, to ${baseline}: ${ratio}\n`);
    }
  }
}

async function main(args: readonly string[]): Promise<number> {
  const program = new Command("npm run bench --")
    .description("Measures; every figure stands beside what it is compared with in the same run")
    .argument("<suite>", Object.keys(suites).join(", "))
    .option("--json", "end with one line of JSON")
    .addHelpText(
      "after",
      "\nExample:\n  npm run bench -- custody --json\n  npm run bench -- renewal --json",
    )
    .exitOverride()
    .action((suite: string, { json }: { json?: boolean }) => run(suite, json === true));
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
