import type { Command } from "commander";
import { errorLine } from "../../errors.ts";
import { clearScreen, print, printError, screenGone } from "../print.ts";

const { env } = process;
const everyMs = 5_000;

interface MetricsOptions {
  readonly watch?: boolean;
  readonly json?: boolean;
}

/** `holdfast metrics`: the fleet's figures with a verdict on each. */
export function addMetricsCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("metrics")
    .description("how the fleet is: each figure with its target and a verdict")
    .option("--watch", "show it anew every five seconds, until Ctrl-C")
    .option("--json", "as JSON; with --watch one line each time")
    .addHelpText(
      "after",
      "\nExits with 0 when every figure is ok, 1 with a warning or a figure that is not known, 4 when one is critical.\nWith --watch the last report decides.\n\nExamples:\n  npx holdfast metrics\n  npx holdfast metrics --watch\n  npx holdfast metrics --json",
    )
    .action(async ({ watch, json }: MetricsOptions) => {
      const show = await shower(json === true, watch === true);
      setExitCode(watch === true ? await showAgain(show) : await show());
    });
}

/** Shows one report; the shown resolves with the exit code. */
async function shower(json: boolean, again: boolean): Promise<() => Promise<number>> {
  const { readFleetFigures } = await import("../fleet-figures.ts");
  const { figuresJson, figuresText } = await import("../figures-report.ts");
  const { exitCodeOfWorst } = await import("../verdicts.ts");
  const { screenColumns } = await import("../table.ts");
  return async () => {
    const report = figuresJson(await readFleetFigures({ env }));
    if (again && !json) clearScreen();
    print(json ? JSON.stringify(report) : figuresText(report, screenColumns()));
    return exitCodeOfWorst(report.verdict);
  };
}

async function showAgain(show: () => Promise<number>): Promise<number> {
  const { watching } = await import("../watch.ts");
  const { setTimeout: pauseFor } = await import("node:timers/promises");
  const end = new AbortController();
  const stop = () => end.abort();
  process.once("SIGINT", stop);
  screenGone.addEventListener("abort", stop);
  try {
    return await watching({
      signal: end.signal,
      show,
      pause: (signal) => pauseFor(everyMs, undefined, { signal }).catch(() => undefined),
      onFault(error) {
        printError(`holdfast: ${errorLine(error)}`);
        return 1;
      },
    });
  } finally {
    screenGone.removeEventListener("abort", stop);
    process.off("SIGINT", stop);
  }
}
