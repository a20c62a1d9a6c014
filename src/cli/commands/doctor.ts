import { resolve } from "node:path";
import type { Command } from "commander";
import type { Check, Finding } from "../doctor/check.ts";
import { print, printError } from "../print.ts";

const { env } = process;

const boundMs = 8000;

interface Given {
  readonly fix?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

const shapeOfJson = `JSON: {"ok","checks":[{"name","verdict":"ok"|"fault"|"unknown","what","why","next","fix"}],"fixed":[{"name","what","error"}]}`;

/** `holdfast doctor` and `holdfast verify`: is anything wrong, and did a deployment go well? */
export function addDoctorCommands(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("doctor")
    .description("look for everything that is known to go wrong, and say what to type")
    .option("--fix", "mend what can be mended without harm, after asking")
    .option("--yes", "with --fix: do not ask")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Exits with 1 for any fault, and for anything that could not be looked at. What is reached is reached from here alone.
--fix closes modes, removes files of processes that are gone, and rebuilds invalid indexes. It does nothing else.

${shapeOfJson}

Examples:
  npx holdfast doctor
  npx holdfast doctor --fix --yes`,
    )
    .action(async (given: Given) => {
      const { allChecks } = await import("../doctor/all-checks.ts");
      setExitCode(await examine(given, (home, world) => allChecks(env, home, world)));
    });

  program
    .command("verify")
    .description(
      "after a deployment: schema, indexes, accounts, turns and figures are as they should be",
    )
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Exits with 1 when something is wrong, or could not be looked at.

${shapeOfJson}

Example:
  npx holdfast verify`,
    )
    .action(async ({ json }: { json?: boolean }) => {
      const [{ verifyChecks }, { wellStates }] = await Promise.all([
        import("../doctor/verify-checks.ts"),
        import("../../commands/account-health.ts"),
      ]);
      const given = json === true ? { json } : {};
      setExitCode(
        await examine(given, async (home, world) => verifyChecks(env, home, world, wellStates)),
      );
    });
}

type World = Awaited<ReturnType<typeof worldModule>>;
const worldModule = async () => (await import("../doctor/world.ts")).openWorld(env, homeOf());
const homeOf = (): string => resolve(env["HOLDFAST_HOME"] ?? ".holdfast");

async function examine(
  { fix, yes, json }: Given,
  checksOf: (home: string, world: World) => Promise<readonly Check[]>,
): Promise<number> {
  const [{ exitCodeOf, findingJson, findingLine, runChecks, summaryLine }, { mendAll }, clocks] =
    await Promise.all([
      import("../doctor/check.ts"),
      import("../doctor/mend.ts"),
      import("../../concurrency/system-clock.ts"),
    ]);
  const limits = { clock: clocks.createSystemClock(), boundMs };
  const tell = json === true ? printError : print;
  /** Over connections of its own: what was read before is not read again. */
  const look = async () => {
    const world = await worldModule();
    try {
      return await runChecks(await checksOf(homeOf(), world), limits);
    } finally {
      await world.close();
    }
  };
  const answer = (found: readonly Finding[], fixed: readonly object[]): number => {
    const code = exitCodeOf(found);
    if (json === true)
      print(JSON.stringify({ ok: code === 0, checks: found.map(findingJson), fixed }));
    return code;
  };
  const show = (found: readonly Finding[]): void => {
    for (const finding of found) tell(findingLine(finding));
    tell(summaryLine(found));
  };
  const found = await look();
  if (json !== true || fix === true) show(found);
  if (fix !== true) return answer(found, []);
  const fixed = await mendAll(found, { tell, agreed: yes === true });
  if (fixed.length === 0) return answer(found, []);
  const after = await look();
  show(after);
  return answer(after, fixed);
}
