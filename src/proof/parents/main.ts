import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { type Parent, parents } from "./parents.ts";
import { type Blow, runCase } from "./run-case.ts";

const signals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const parts = ["launcher", "sentinel", "gate", "node", "postgres", "nats", "telegram-dc"];
const limits = { readyMsMax: 90_000, servesMsMax: 60_000, endedMsMax: 40_000 };
/** A start after a blow may take so many times the usual one. */
const usualTimesMax = 2;
/** What a busy machine adds. */
const usualMsMore = 2_000;

interface Options {
  readonly parent?: string;
  readonly blow?: string;
  readonly json?: boolean;
}

const nameOf = (blow: Blow): string =>
  blow.kind === "stop" ? blow.signal : `kill -9 ${blow.whom}`;

/** Every signal, and the death of every process; of the parent itself where the service is to end with it. */
function blowsFor({ name }: Parent): readonly Blow[] {
  const stops = signals.map((signal): Blow => ({ kind: "stop", signal }));
  const killed = name === "npm" || name === "init" ? ["parent", ...parts] : parts;
  return [...stops, ...killed.map((whom): Blow => ({ kind: "kill", whom }))];
}

/** The time of a start after an orderly stop, in milliseconds. The first start of a home makes its servers. */
async function usualStart(parent: Parent, home: string): Promise<number> {
  const stop = { kind: "stop", signal: "SIGTERM" } as const;
  await runCase(parent, stop, home, limits);
  return (await runCase(parent, stop, home, limits)).readyMs;
}

/** All cases in one home, so that each start is the next one after the blow before it. */
async function run({ parent: only, blow: wanted, json }: Options): Promise<number> {
  const home = await mkdtemp(join(tmpdir(), "holdfast-parents-"));
  const chosen = parents.filter(({ name }) => only === undefined || name === only);
  let failed = 0;
  try {
    const usualMs = await usualStart(chosen[0] ?? parents[0]!, home);
    if (json !== true) process.stdout.write(`a usual start takes ${usualMs.toFixed(0)} ms\n`);
    for (const parent of chosen) {
      for (const blow of blowsFor(parent)) {
        if (wanted !== undefined && nameOf(blow) !== wanted) continue;
        const { readyMs, servesMs, endedMs, ...found } = await runCase(parent, blow, home, limits);
        const wrong = [...found.wrong];
        const mostMs = usualTimesMax * usualMs + usualMsMore;
        if (readyMs > mostMs) {
          wrong.push(`ready after ${readyMs.toFixed(0)} ms, usually ${usualMs.toFixed(0)} ms`);
        }
        if (wrong.length > 0) failed += 1;
        const facts = {
          parent: parent.name,
          blow: nameOf(blow),
          usualMs,
          readyMs,
          servesMs,
          endedMs,
          wrong,
        };
        process.stdout.write(json === true ? `${JSON.stringify(facts)}\n` : lineOf(facts));
      }
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
  return failed === 0 ? 0 : 1;
}

function lineOf(of: {
  readonly parent: string;
  readonly blow: string;
  readonly readyMs: number;
  readonly servesMs: number | null;
  readonly endedMs: number;
  readonly wrong: readonly string[];
}): string {
  const verdict = of.wrong.length === 0 ? "ok  " : "FAIL";
  const served = of.servesMs === null ? "" : `serves again after ${of.servesMs.toFixed(0)} ms, `;
  const times = `ready after ${of.readyMs.toFixed(0)} ms, ${served}nothing left after ${of.endedMs.toFixed(0)} ms`;
  const why = of.wrong.map((line) => `     ${line}\n`).join("");
  return `${verdict} ${of.parent.padEnd(14)}${of.blow.padEnd(21)}${times}\n${why}`;
}

const program = new Command("npm run parents --")
  .description("Runs the service under each kind of parent, strikes, and looks for what is left")
  .option("--parent <name>", "only this one")
  .option("--blow <name>", 'only this one, such as SIGTERM or "kill -9 gate"')
  .option("--json", "one line of JSON for each case")
  .addHelpText(
    "after",
    `\nParents:\n${parents.map(({ name, as }) => `  ${name.padEnd(16)}${as}`).join("\n")}\n\nExample:\n  npm run parents -- --parent npm`,
  )
  .action(async (options: Options) => {
    process.exitCode = await run(options);
  });
await program.parseAsync();
