import { readFileSync, writeFileSync } from "node:fs";
import { methods, renewalMethods } from "../src/accounts/login/methods.ts";
import { variables } from "../src/config/variables.ts";

/** A table that a page of docs shows between two marks. */
interface Table {
  readonly page: string;
  /** In the marks. */
  readonly name: string;
  make(): string;
}

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

/** The table of methods to renew, those first that need nobody. */
export function methodsTable(): string {
  const rows = renewalMethods
    .map((name) => ({ name, ...methods[name] }))
    .toSorted((a, b) => Number(a.needs !== "nobody") - Number(b.needs !== "nobody"));
  return [
    "| method | who has to do something | how |",
    "|---|---|---|",
    ...rows.map(({ name, needs, how }) => `| \`${name}\` | ${cell(needs)} | ${cell(how)} |`),
  ].join("\n");
}

export const tables = {
  variables: { page: "docs/operating.md", name: "variables", make: variablesTable },
  methods: { page: "docs/renewing.md", name: "methods", make: methodsTable },
} satisfies Readonly<Record<string, Table>>;

/** The text of a page with its table renewed. Throws when the page has lost its marks. */
export function withTable(text: string, { page, name, make }: Table): string {
  const begin = `<!-- ${name}: written by tools/write-manual.ts -->`;
  const end = `<!-- end of ${name} -->`;
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} lacks "${begin}" or "${end}"`);
  return `${text.slice(0, from + begin.length)}\n${make()}\n${text.slice(to)}`;
}

function main(isCheck: boolean): number {
  let stale = 0;
  for (const table of Object.values(tables)) {
    const file = new URL(`../${table.page}`, import.meta.url);
    const text = readFileSync(file, "utf8");
    const renewed = withTable(text, table);
    if (!isCheck) writeFileSync(file, renewed);
    if (!isCheck || text === renewed) continue;
    stale += 1;
    process.stderr.write(
      `${table.page} lists other ${table.name} than the program has. Run: node --import tsx tools/write-manual.ts\n`,
    );
  }
  return stale === 0 ? 0 : 1;
}

if (process.argv[1]?.endsWith("write-manual.ts"))
  process.exitCode = main(process.argv.includes("--check"));
