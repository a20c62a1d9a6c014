import { describe, expect, it } from "vitest";
import {
  labelOf,
  type Migration,
  migrationsFolder,
  readMigrations,
} from "../../../src/adapters/postgres/migration-files.ts";

/** Those before stand as they were released. */
const firstUnderRules = 20;

/** The tables that grow with every message or every change of an account. */
const largeTables = [
  "turns",
  "outbox",
  "conversation_sessions",
  "turn_steps",
  "lifecycle_events",
  "renewal_steps",
  "custody_ledger",
];
const large = `(?:${largeTables.join("|")})`;

/**
 * What a change of a large table may not do within one transaction, as everything behind its lock waits until the end.
 */
const forbidden: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  {
    what: "builds an index of a large table while its writers wait: build it concurrently",
    pattern: new RegExp(
      `create\\s+(?:unique\\s+)?index\\s+(?!concurrently)[^;]*?\\bon\\s+${large}\\b`,
      "i",
    ),
  },
  {
    what: "rewrites a large table for a column's type: add a column, and fill it in pieces",
    pattern: new RegExp(
      `alter\\s+table\\s+${large}\\b[^;]*\\balter\\s+(?:column\\s+)?\\w+\\s+(?:set\\s+data\\s+)?type\\b`,
      "i",
    ),
  },
  {
    what: "reads a large table whole for a key: make its unique index concurrently first",
    pattern: new RegExp(
      `alter\\s+table\\s+${large}\\b[^;]*\\badd\\s+(?:primary\\s+key|unique)\\b(?![^;]*using\\s+index)`,
      "i",
    ),
  },
  {
    what: "changes the rows of a large table in one transaction: change them in pieces",
    pattern: new RegExp(`(?:update|delete\\s+from|insert\\s+into)\\s+${large}\\b`, "i"),
  },
];

const withoutComments = (sql: string): string => sql.replaceAll(/--[^\n]*/g, "");

function faultsOf({ up }: Pick<Migration, "up">): readonly string[] {
  if (!up.inTransaction) return [];
  const sql = up.statements.map(withoutComments).join("\n");
  return forbidden.filter(({ pattern }) => pattern.test(sql)).map(({ what }) => what);
}

describe("a migration", () => {
  it("never rewrites a large table in one transaction", async () => {
    const migrations = await readMigrations(migrationsFolder);
    const faults = migrations
      .filter(({ version }) => version >= firstUnderRules)
      .flatMap((one) => faultsOf(one).map((what) => `${labelOf(one)} ${what}`));
    expect(faults).toEqual([]);
  });

  it.each([
    ["create index a on turns (b);", "builds an index"],
    ["create unique index if not exists a on outbox (b);", "builds an index"],
    ["alter table turns alter column media type json using media::json;", "rewrites"],
    ["alter table outbox drop column a, add primary key (b);", "reads a large table whole"],
    ["update conversation_sessions set a = 1;", "changes the rows"],
    ["insert into turns select * from messages;", "changes the rows"],
  ])("is found where it does: %s", (sql, what) => {
    const up = { inTransaction: true, statements: [sql] };
    expect(faultsOf({ up })).toEqual([expect.stringContaining(what)]);
  });

  it.each([
    "create index a on parked_turns (b);",
    "alter table turns add column media json;",
    "update accounts set bot = 'x' where exists (select from turns);",
    "-- update turns\nselect 1;",
  ])("is left in peace where it does not: %s", (sql) => {
    expect(faultsOf({ up: { inTransaction: true, statements: [sql] } })).toEqual([]);
  });
});
