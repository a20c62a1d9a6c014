import { readFileSync, writeFileSync } from "node:fs";
import { variables } from "../src/config/variables.ts";

const page = new URL("../docs/operating.md", import.meta.url);
const begin = "<!-- variables: written by tools/write-manual.ts -->";
const end = "<!-- end of variables -->";

const cell = (text: string): string => text.replaceAll("|", "\\|");

/** The table of variables, from the table that the program reads them by. */
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

/** The page with its table renewed. Throws when the page has lost its marks. */
export function withTable(text: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/operating.md lacks "${begin}" or "${end}"`);
  return `${text.slice(0, from + begin.length)}\n${variablesTable()}\n${text.slice(to)}`;
}

function main(isCheck: boolean): number {
  const text = readFileSync(page, "utf8");
  const renewed = withTable(text);
  if (!isCheck) writeFileSync(page, renewed);
  if (!isCheck || text === renewed) return 0;
  process.stderr.write(
    "docs/operating.md lists other variables than the program reads. Run: node tools/write-manual.ts\n",
  );
  return 1;
}

if (process.argv[1]?.endsWith("write-manual.ts"))
  process.exitCode = main(process.argv.includes("--check"));
