import { readFileSync, writeFileSync } from "node:fs";
import { variables } from "../src/config/variables.ts";
import { commandSummaries, commandTables } from "./manual-commands.ts";
import { errorTables } from "./manual-errors.ts";
import { manPage } from "./manual-man.ts";
import { metricsTable } from "./manual-metrics.ts";
import { methodsTable } from "./manual-methods.ts";

/** A part of a page that a program writes, between two marks. */
export interface Part {
  /** Relative to the root of the repository. */
  readonly page: string;
  /** Stands in both marks; null: the whole page is written. */
  readonly name: string | null;
  readonly write: () => string;
}

const parts: readonly Part[] = [
  { page: "src/cli/command-summaries.ts", name: "rows", write: commandSummaries },
  { page: "packaging/holdfast.1", name: null, write: manPage },
  { page: "README.md", name: "commands", write: commandTables },
  { page: "docs/operating.md", name: "variables", write: variablesTable },
  { page: "docs/renewing.md", name: "methods", write: methodsTable },
  { page: "docs/metrics.md", name: "metrics", write: metricsTable },
  { page: "docs/errors.md", name: "codes", write: errorTables },
];

const cell = (text: string): string => text.replaceAll("|", "\\|");

/** The table of variables, from the table that the program reads. */
export function variablesTable(): string {
  const rows = variables.map(({ name, form, byDefault, meaning }) =>
    [`\`${name}\``, form, byDefault, meaning].map(cell).join(" | "),
  );
  return [
    "| variable | value | unset | what it does |",
    "|---|---|---|---|",
    ...rows.map((row) => `| ${row} |`),
  ].join("\n");
}

/** The page with one part renewed. Throws when the page has lost its marks. */
export function withPart(text: string, { page, name, write }: Part): string {
  if (name === null) return write();
  const mark = (words: string) => (page.endsWith(".ts") ? `// ${words}` : `<!-- ${words} -->`);
  const begin = mark(`${name}: written by tools/write-manual.ts`);
  const end = mark(`end of ${name}`);
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} lacks "${begin}" or "${end}"`);
  return `${text.slice(0, from + begin.length)}\n${write()}\n${text.slice(to)}`;
}

/** Pages whose generated parts are out of date; rewrites them unless this is a check. */
function renew(isCheck: boolean): readonly string[] {
  const stale: string[] = [];
  for (const part of parts) {
    const page = new URL(`../${part.page}`, import.meta.url);
    const text = readFileSync(page, "utf8");
    const renewed = withPart(text, part);
    if (text === renewed) continue;
    stale.push(part.page);
    if (!isCheck) writeFileSync(page, renewed);
  }
  return stale;
}

function main(isCheck: boolean): number {
  const stale = renew(isCheck);
  if (!isCheck || stale.length === 0) return 0;
  process.stderr.write(
    `${stale.join(", ")}: the program tells other commands, variables, metrics or codes. Run: node tools/write-manual.ts\n`,
  );
  return 1;
}

if (process.argv[1]?.endsWith("write-manual.ts"))
  process.exitCode = main(process.argv.includes("--check"));
