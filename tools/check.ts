import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { checkArguments } from "./check-arguments.ts";
import { checkImports } from "./check-imports.ts";
import { checkIntegrity } from "./check-integrity.ts";
import { checkLicences } from "./check-licences.ts";
import { checkRows } from "./check-rows.ts";
import { checkWords } from "./check-words.ts";
import { figures } from "./figures.ts";
import { structureChecks } from "./structure.ts";
import { trackedFiles } from "./tracked-files.ts";

interface Finding {
  readonly ok: boolean;
  readonly output: string;
}

interface Check {
  readonly name: string;
  /** The breaches that it refuses, for `--help`. */
  readonly refuses: string;
  readonly run: () => Promise<Finding>;
  /** The command to type when it fails. */
  readonly remedy: string;
}

const bytesMax = 64 * 1024 * 1024;

function runProgram(root: string, program: string, args: readonly string[]): Promise<Finding> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd: root, maxBuffer: bytesMax }, (error, stdout, stderr) =>
      resolve({ ok: error === null, output: `${stdout}${stderr}` }),
    );
  });
}

const binary = (root: string, name: string): string => `${root}/node_modules/.bin/${name}`;

/**
 * Checks types, and proves that the compiler read the sources: it also passes when it has read
 * nothing.
 */
export async function checkTypes(root: string, mustRead: string): Promise<Finding> {
  const args = ["--noEmit", "--listFiles", "--pretty", "false", "-p", "."];
  const tsc = binary(fileURLToPath(new URL("..", import.meta.url)), "tsc");
  const { ok, output } = await runProgram(root, tsc, args);
  const lines = output.split("\n");
  const problems = lines.filter(
    (line) => line !== "" && !/^\S*[/\\][^():]*\.[cm]?tsx?$/.test(line),
  );
  if (!ok) return { ok, output: problems.join("\n") };
  return lines.some((line) => line.endsWith(mustRead))
    ? { ok, output: "" }
    : { ok: false, output: `the compiler has not read ${mustRead}` };
}

function listed(breaches: readonly string[]): Promise<Finding> {
  return Promise.resolve({ ok: breaches.length === 0, output: breaches.join("\n") });
}

function checksOf(root: string): readonly Check[] {
  const files = trackedFiles(root);
  const tool = (name: string, ...args: string[]) => runProgram(root, binary(root, name), args);
  return [
    {
      name: "format",
      refuses: "files that are not formatted",
      run: () => tool("biome", "format", "."),
      remedy: "npx biome format --write .",
    },
    {
      name: "types",
      refuses: "what the compiler refuses",
      run: () => checkTypes(root, "/src/errors.ts"),
      remedy: "npx tsc --noEmit -p .",
    },
    {
      name: "lint",
      refuses: "what the linter refuses",
      run: () => tool("oxlint", "--type-aware", "--format", "unix"),
      remedy: "npx oxlint --type-aware --fix",
    },
    {
      name: "unused",
      refuses: "files, exports and packages that nothing uses",
      run: () => tool("knip"),
      remedy: "npx knip",
    },
    {
      name: "imports",
      refuses:
        "imports from a lower folder to a higher one, and packages that a folder may not use",
      run: () => listed(checkImports(root, files)),
      remedy: "the wings stand in tools/wings.ts and ARCHITECTURE.md",
    },
    {
      name: "words",
      refuses: "words and lengths that no file may have",
      run: () => listed(checkWords(root, files)),
      remedy: "the list stands in tools/check-words.ts",
    },
    {
      name: "arguments",
      refuses: "arguments and options of commands that are named like a secret",
      async run() {
        // Only here: the other checks are to tell of a program that cannot be loaded.
        const { createProgram } = await import("../src/cli/program.ts");
        return listed(checkArguments(await createProgram(() => undefined)));
      },
      remedy: "tools/check-arguments.ts for the rule",
    },
    {
      name: "licences",
      refuses: "packages that come along under a licence with duties",
      run: () => listed(checkLicences(root)),
      remedy: "the list stands in tools/check-licences.ts",
    },
    {
      name: "integrity",
      refuses: "packages of a lock file without the digest of what is to come",
      run: () => listed(checkIntegrity(root)),
      remedy: "npm install with a lock file made anew",
    },
    {
      name: "rows",
      refuses: "rows of the tables of promises and alarms that no test is named after",
      run: () => listed(checkRows(root)),
      remedy: 'name a test after the row: it("… (V1)")',
    },
    {
      name: "diagrams",
      refuses: "pictures of machines that are not those of the code",
      run: () => runProgram(root, process.execPath, ["tools/draw-machines.ts", "--check"]),
      remedy: "npm run diagrams",
    },
    {
      name: "manual",
      refuses: "tables of the documents that are not those of the code",
      run: () => runProgram(root, process.execPath, ["tools/write-manual.ts", "--check"]),
      remedy: "node tools/write-manual.ts",
    },
    ...structureChecks(root, files).map(({ run, ...rest }) => ({
      ...rest,
      run: async () => listed(await run()),
    })),
  ];
}

/** As many at once as small machines have cores. */
const atOnce = 2;

async function report({ name, run, remedy }: Check): Promise<boolean> {
  const startedAt = performance.now();
  const { ok, output } = await run();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const detail = ok
    ? ""
    : `\n${output.trim().replaceAll(/^/gm, "    ")}\n    ${name}: see ${remedy}`;
  process.stdout.write(`${ok ? "ok  " : "FAIL"} ${name} (${seconds} s)${detail}\n`);
  return ok;
}

const usage = (checks: readonly Check[]): string =>
  [
    "npm run check                    every check",
    "npm run check -- imports words   some of them",
    "npm run check -- figures         the figures of the house, which refuse nothing",
    "",
    ...checks.map(({ name, refuses }) => `  ${name.padEnd(12)} refuses ${refuses}`),
    "",
  ].join("\n");

/** The checks of these names, or all of them without a name; a sentence about unknown names. */
export function chosen<Named extends { readonly name: string }>(
  checks: readonly Named[],
  names: readonly string[],
): readonly Named[] | string {
  const unknown = names.filter((name) => !checks.some((check) => check.name === name));
  if (unknown.length > 0)
    return `There is no check ${unknown.join(", ")}; there are ${checks.map(({ name }) => name).join(", ")}.`;
  return names.length === 0 ? checks : checks.filter(({ name }) => names.includes(name));
}

/** Runs the named checks, or every one; resolves with the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const root = fileURLToPath(new URL("..", import.meta.url)).replace(/[/\\]$/, "");
  if (args.length === 1 && args[0] === "figures") {
    process.stdout.write(`${await figures(root)}\n`);
    return 0;
  }
  const checks = checksOf(root);
  if (args.includes("--help")) {
    process.stdout.write(usage(checks));
    return 0;
  }
  const wanted = chosen(checks, args);
  if (typeof wanted === "string") {
    process.stderr.write(`${wanted}\n`);
    return 2;
  }
  const waiting = [...wanted];
  const results: boolean[] = [];
  const worker = async (): Promise<void> => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift())
      results.push(await report(check));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const failed = results.filter((ok) => !ok).length;
  process.stdout.write(`${results.length - failed} checks passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exitCode = await main(process.argv.slice(2));
