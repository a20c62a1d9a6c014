import type { CatalogueEntry, Difference } from "./catalogue.ts";

/** How one difference is mended. */
export interface Repair {
  readonly difference: Difference;
  /** In order, each by itself; a list within is one transaction. */
  readonly steps: readonly (string | readonly string[])[];
  /** These rows would be in its way; answers `found` as a number. */
  readonly unless: { readonly text: string; readonly why: string } | null;
}

/** For names from the catalogue file, which may be words of SQL. */
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const bareName = ({ name }: CatalogueEntry): string => name.slice(name.indexOf(".") + 1);

/** What belongs to others comes after it. */
const order: readonly CatalogueEntry["kind"][] = [
  "table",
  "column",
  "function",
  "constraint",
  "trigger",
  "view",
  "index",
];

/**
 * The repairs of these differences, in the order in which they are made. Left out: what no statement brings back, and
 * what no migration has made.
 */
export function repairsOf(
  differences: readonly Difference[],
  expected: readonly CatalogueEntry[],
): readonly Repair[] {
  const indexes = new Map(
    expected.filter(({ kind }) => kind === "index").map((entry) => [entry.name, entry.definition]),
  );
  return differences
    .flatMap((difference) => {
      const wanted = difference.expected;
      const made = wanted === null ? null : repairOf(difference, wanted, indexes);
      return made === null ? [] : [{ unless: null, ...made, difference }];
    })
    .toSorted((a, b) => order.indexOf(a.difference.kind) - order.indexOf(b.difference.kind));
}

type Steps = Pick<Repair, "steps"> & Partial<Pick<Repair, "unless">>;

function repairOf(
  difference: Difference,
  wanted: CatalogueEntry,
  indexes: ReadonlyMap<string, string>,
): Steps | null {
  const { how, found } = difference;
  const { kind, name, definition } = wanted;
  switch (kind) {
    case "table":
      return how === "missing" ? null : { steps: tableSteps(wanted, found?.definition ?? "") };
    case "column":
      return how === "missing" ? addedColumn(wanted) : changedColumn(wanted, found?.definition);
    case "constraint":
      return constraintSteps(difference, wanted, indexes);
    case "index":
      return { steps: indexSteps(name, definition, difference) };
    case "function":
      return { steps: [definition] };
    case "view":
      return { steps: [`create or replace view ${quoted(name)} as ${definition}`] };
    case "trigger":
      return { steps: triggerSteps(difference, wanted) };
  }
}

function tableSteps({ name, definition }: CatalogueEntry, found: string): readonly string[] {
  const table = `alter table ${quoted(name)}`;
  return [
    ...(definition === "" ? [] : [`${table} set (${definition})`]),
    ...(found.includes("unlogged") ? [`${table} set logged`] : []),
    ...(found.includes("row security") ? [`${table} disable row level security`] : []),
  ];
}

/** Null says that nothing was said; any other default would be taken for what was lost. */
function addedColumn(wanted: CatalogueEntry): Steps {
  const table = quoted(wanted.on ?? "");
  const add = `alter table ${table} add column ${quoted(bareName(wanted))} ${wanted.definition}`;
  if (/ (?:not null|default) ?/.test(wanted.definition)) {
    const text = `select count(*)::int as found from (select from ${table} limit 1) r`;
    return { steps: [add], unless: { text, why: "the table has rows, whose values are lost" } };
  }
  return { steps: [add] };
}

interface ColumnParts {
  readonly type: string;
  readonly isNotNull: boolean;
  readonly identity: string;
  readonly byDefault: string | null;
}

function columnParts(definition: string): ColumnParts {
  const form =
    /^(.*?)( not null)?( generated (?:always|by default) as identity)?(?: default (.*))?$/s;
  const [, type = "", notNull, identity = "", byDefault = null] = form.exec(definition) ?? [];
  return { type, isNotNull: notNull !== undefined, identity, byDefault };
}

/** A type is not changed back: what the other one could not hold is not known. */
function changedColumn(wanted: CatalogueEntry, found = ""): Steps | null {
  const [is, should] = [columnParts(found), columnParts(wanted.definition)];
  if (is.type !== should.type || is.identity !== should.identity) return null;
  const table = quoted(wanted.on ?? "");
  const column = quoted(bareName(wanted));
  const alter = `alter table ${table} alter column ${column}`;
  const steps: string[] = [];
  if (is.byDefault !== should.byDefault) {
    steps.push(
      should.byDefault === null
        ? `${alter} drop default`
        : `${alter} set default ${should.byDefault}`,
    );
  }
  if (is.isNotNull === should.isNotNull) return { steps };
  steps.push(`${alter} ${should.isNotNull ? "set" : "drop"} not null`);
  if (!should.isNotNull) return { steps };
  const text = `select count(*)::int as found from ${table} where ${column} is null`;
  return {
    steps,
    unless: { text, why: "rows have no value there: give them one, or delete them" },
  };
}

function constraintSteps(
  { how }: Difference,
  wanted: CatalogueEntry,
  indexes: ReadonlyMap<string, string>,
): Steps | null {
  const { definition, on } = wanted;
  const name = quoted(bareName(wanted));
  const table = `alter table ${quoted(on ?? "")}`;
  const key = /^(PRIMARY KEY|UNIQUE) /.exec(definition)?.[1];
  if (key !== undefined) {
    const index = indexes.get(bareName(wanted));
    if (how !== "missing" || index === undefined) return null;
    return {
      steps: [
        `drop index concurrently if exists ${name}`,
        concurrently(index),
        `${table} add constraint ${name} ${key} using index ${name}`,
      ],
    };
  }
  const validate = `${table} validate constraint ${name}`;
  const add = `${table} add constraint ${name} ${definition} not valid`;
  if (how === "broken") return { steps: [validate] };
  if (how === "missing") return { steps: [add, validate] };
  return { steps: [[`${table} drop constraint ${name}`, add], validate] };
}

/** As the index of a table in parts is written out; its parts' own come with it. */
const ofParts = " ON ONLY ";

/** Beside the work of others, but for a table in parts, where PostgreSQL has no such way. */
const concurrently = (definition: string): string =>
  definition.includes(ofParts)
    ? definition.replace(ofParts, " ON ")
    : definition.replace(/^CREATE (UNIQUE )?INDEX /, "CREATE $1INDEX CONCURRENTLY ");

function indexSteps(
  name: string,
  definition: string,
  { how, found }: Difference,
): readonly string[] {
  if (found?.ofConstraint === true) return [`reindex index concurrently ${quoted(name)}`];
  const way = definition.includes(ofParts) ? "" : "concurrently ";
  const drop = how === "missing" ? [] : [`drop index ${way}${quoted(name)}`];
  return [...drop, concurrently(definition)];
}

function triggerSteps(
  { how }: Difference,
  wanted: CatalogueEntry,
): readonly (string | readonly string[])[] {
  const table = quoted(wanted.on ?? "");
  const name = quoted(bareName(wanted));
  if (how === "broken") return [`alter table ${table} enable trigger ${name}`];
  if (how === "missing") return [wanted.definition];
  return [[`drop trigger ${name} on ${table}`, wanted.definition]];
}
