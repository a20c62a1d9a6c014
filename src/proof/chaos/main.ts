import { Command, CommanderError } from "commander";
import type { RenewalMethod } from "../../../machines/lifecycle.ts";
import { renewalMethods } from "../../accounts/login/methods.ts";
import { runRenewalCampaign } from "./renewal-campaign.ts";
import { runScenario } from "./run-scenario.ts";
import { scenarios } from "./scenarios.ts";
import type { Scenario } from "./stage.ts";
import { errorLine, HoldfastError } from "../../errors.ts";

const { stdout, stderr } = process;

interface Options {
  readonly scenario?: string;
  readonly times: number;
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly renewals?: string;
  readonly count: number;
  readonly kills: number;
}

function chosenMethods(name: string): readonly RenewalMethod[] {
  const found = renewalMethods.filter((method) => name === "all" || method === name);
  if (found.length > 0) return found;
  throw new HoldfastError({
    code: "METHOD_UNKNOWN",
    message: `There is no way to renew called "${name}"; there are: all, ${renewalMethods.join(", ")}.`,
  });
}

/** Renewals under load with SIGKILL at random. */
async function runRenewals({ renewals, count, kills, json, verbose }: Options): Promise<number> {
  let failed = 0;
  const log = (line: string) => void (verbose === true && stderr.write(`· ${line}\n`));
  for (const method of chosenMethods(renewals ?? "all")) {
    const result = await runRenewalCampaign({ method, renewals: count, killsEach: kills, log });
    if (result.wrong.length > 0) failed += 1;
    if (json === true) stdout.write(`${JSON.stringify(result)}\n`);
    else {
      const { done, aborted, turns, overlaps, duplicated, lost, leftBehind } = result;
      const at = Object.entries(result.killedAt).map(([place, hits]) => `${place} ${hits}`);
      stdout.write(
        `${result.wrong.length === 0 ? "ok  " : "FAIL"} ${method}: ${result.renewals} renewals, ${done} done, ${aborted} aborted, ${result.kills.node} nodes and ${result.kills.gate} gates killed, ${turns} turns, ${overlaps} overlaps, ${duplicated} duplicate, ${lost} lost, ${leftBehind.length} authorisations left behind\n     killed after: ${at.join(", ")}\n`,
      );
    }
    for (const what of result.wrong) stdout.write(`     ${method}: ${what}\n`);
    if (result.wrong.length > 0) {
      for (const detail of result.details) stdout.write(`       ${detail}\n`);
    }
  }
  return failed === 0 ? 0 : 1;
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
    .option("--renewals <method>", "renewals under load with SIGKILL at random: a method, or all")
    .option("--count <n>", "renewals of each method at least", Number, 200)
    .option("--kills <n>", "kills before and after the commit of each step at least", Number, 5)
    .option("--json", "one line of JSON for each run")
    .option("--verbose", "what happens, as it happens")
    .addHelpText(
      "after",
      `\nScenarios:\n${scenarios.map(({ name, proves }) => `  ${name.padEnd(20)}${proves}`).join("\n")}\n\nExample:\n  npm run chaos -- --scenario kill-node --times 3\n  npm run chaos -- --renewals handoff --count 200`,
    )
    .exitOverride()
    .action(async (options: Options) => {
      exitCode = await (options.renewals === undefined ? run(options) : runRenewals(options));
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

// Not left to Node's own clearing away of handles, which was seen to spin for ever after twenty fleets (20.20.2).
process.exit(await main(process.argv.slice(2)));
