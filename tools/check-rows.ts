import { readFileSync } from "node:fs";
import { join } from "node:path";
import { trackedFiles } from "./tracked-files.ts";

/** Each row of this table needs a test, and each threshold of these alarms. */
const table = "docs/conversations.md";
const alarms = "docs/alerts/rules.yml";

const rowId = /^\| (V\d+) \|/gm;
const threshold = /threshold: (O1-[a-z0-9-]+)/g;

/** The ids that each need a test by name. */
export function rowsIn(documents: {
  readonly table: string;
  readonly alarms: string;
}): readonly string[] {
  const ids = (text: string, pattern: RegExp) =>
    [...text.matchAll(pattern)].map(([, id]) => id ?? "");
  return [...ids(documents.table, rowId), ...ids(documents.alarms, threshold)];
}

/** The ids without a test: none names them in its title or in the name of its case. */
export function rowsWithoutTest(
  rows: readonly string[],
  tests: readonly string[],
): readonly string[] {
  const titles = tests.flatMap((text) => [
    ...text.matchAll(/(?:\b(?:it|test|describe)(?:\.each\([^)]*\))?\(|- name: )\s*["'`](.*)["'`]/g),
  ]);
  const named = new Set(
    titles.flatMap(([, title = ""]) => title.match(/\b(?:V\d+|O1-[a-z0-9-]+)\b/g) ?? []),
  );
  return rows.filter((id) => !named.has(id));
}

/** One line for each row without a test. */
export function checkRows(root: string): readonly string[] {
  const read = (file: string) => readFileSync(join(root, file), "utf8");
  const tests = trackedFiles(root).filter(
    (file) =>
      (file.startsWith("tests/") && file.endsWith(".ts")) || file.endsWith("rules.test.yml"),
  );
  const rows = rowsIn({ table: read(table), alarms: read(alarms) });
  if (rows.length === 0) return [`${table}:1: no rows were found`];
  return rowsWithoutTest(rows, tests.map(read)).map(
    (id) => `${table}:1: no test is named after ${id}`,
  );
}
