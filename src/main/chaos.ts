import { Command, CommanderError } from "commander";
import { runScenario } from "../chaos/run-scenario.ts";
import { scenarios } from "../chaos/scenarios.ts";
import type { Scenario } from "../chaos/stage.ts";
import { errorLine, HoldfastError } from "../errors.ts";

const { stdout, stderr } = process;

interface Options {
  readonly scenario?: string;
  readonly times: number;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

function chosen(name: string | undefined): readonly Scenario[] {
  if (name === undefined) return scenarios;
  const found = scenarios.filter((scenario) => scenario.name === name);
  if (found.length > 0) return found;
  throw new HoldfastError({
    code: "SCENARIO_UNKNOWN",
    message: `There is no scenario "${name}"; there are: ${scenarios.map((one) => one.name).join(", ")}.`,
  });
}

async function run(options: Options): Promise<number> {
  let failed = 0;
  const log = (line: string) => void (options.verbose === true && stderr.write(`· ${line}\n`));
  for (const scenario of chosen(options.scenario)) {
    for (let time = 1; time <= options.times; time += 1) {
      const result = await runScenario(scenario, log).catch((error: unknown) => ({
        scenario: scenario.name,
        wrong: [errorLine(error)],
      }));
      if (result.wrong.length > 0) failed += 1;
      if (options.json === true) stdout.write(`${JSON.stringify(result)}\n`);
      else if ("turns" in result) {
        const { turns, overlaps, duplicated, lost, callsInFlight, servedAgainMs } = result;
        const { policy, profile } = result;
        stdout.write(
          `${result.wrong.length === 0 ? "ok  " : "FAIL"} ${scenario.name} (${policy}, ${profile} times): ${turns} turns, ${callsInFlight} calls in flight, epoch ${result.epochBefore} → ${result.epochAfter}, served again after ${servedAgainMs} ms, ${overlaps} overlaps, ${duplicated} duplicate, ${lost} lost\n`,
        );
      }
      for (const what of result.wrong) stdout.write(`     ${scenario.name}: ${what}\n`);
      if (result.wrong.length > 0 && "details" in result) {
        for (const detail of result.details) stdout.write(`       ${detail}\n`);
      }
    }
  }
  return failed === 0 ? 0 : 1;
}

async function main(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command("npm run chaos --")
    .description("Breaks real hosts under load; telegram-dc's ledger and the database judge")
    .option("--scenario <name>", "only this one")
    .option("--times <n>", "how often each", Number, 1)
    .option("--json", "one line of JSON for each run")
    .option("--verbose", "what happens, as it happens")
    .addHelpText(
      "after",
      `\nScenarios:\n${scenarios.map(({ name, proves }) => `  ${name.padEnd(20)}${proves}`).join("\n")}\n\nExample:\n  npm run chaos -- --scenario kill-node --times 3`,
    )
    .exitOverride()
    .action(async (options: Options) => {
      exitCode = await run(options);
    });
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    stderr.write(`chaos: ${errorLine(error)}\n`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
