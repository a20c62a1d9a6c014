import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { checkImports } from "./check-imports.ts";
import { checkRows } from "./check-rows.ts";
import { checkWords } from "./check-words.ts";
import { trackedFiles } from "./tracked-files.ts";

interface Finding {
  readonly ok: boolean;
  readonly output: string;
}

interface Check {
  readonly name: string;
  readonly run: () => Promise<Finding>;
  /** What to type when it fails. */
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

/** Types, and proof that the compiler read the sources: it also passes when it has read nothing. */
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
      run: () => tool("biome", "format", "."),
      remedy: "npx biome format --write .",
    },
    {
      name: "types",
      run: () => checkTypes(root, "/src/errors.ts"),
      remedy: "npx tsc --noEmit -p .",
    },
    {
      name: "lint",
      run: () => tool("oxlint", "--type-aware", "--format", "unix"),
      remedy: "npx oxlint --type-aware --fix",
    },
    { name: "unused", run: () => tool("knip"), remedy: "npx knip" },
    {
      name: "imports",
      run: () => listed(checkImports(root, files)),
      remedy: "the rule stands in tools/check-imports.ts and ARCHITECTURE.md",
    },
    {
      name: "words",
      run: () => listed(checkWords(root, files)),
      remedy: "the list stands in tools/check-words.ts",
    },
    {
      name: "rows",
      run: () => listed(checkRows(root)),
      remedy: 'name a test after the row: it("… (V1)")',
    },
    {
      name: "diagrams",
      run: () => runProgram(root, process.execPath, ["tools/draw-machines.ts", "--check"]),
      remedy: "npm run diagrams",
    },
    {
      name: "manual",
      run: () => runProgram(root, process.execPath, ["tools/write-manual.ts", "--check"]),
      remedy: "node tools/write-manual.ts",
    },
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

/** Runs every check; resolves with the exit code. */
async function main(): Promise<number> {
  const root = fileURLToPath(new URL("..", import.meta.url)).replace(/[/\\]$/, "");
  const waiting = [...checksOf(root)];
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

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
