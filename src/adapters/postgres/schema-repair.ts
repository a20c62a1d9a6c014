import type { Client } from "pg";
import { HoldfastError } from "../../errors.ts";
import {
  type CatalogueEntry,
  compareCatalogue,
  type Difference,
  expectedCatalogue,
} from "./catalogue.ts";
import { type Repair, repairsOf } from "./catalogue-repairs.ts";
import type { Queries } from "./database.ts";
import { labelOf, type Migration } from "./migration-files.ts";
import { mayChangeSchema } from "./roles.ts";
import { alone, type Applied, type MigrateOptions } from "./schema-alone.ts";
import { type LockPatience, patiently, withoutLimit } from "./schema-locks.ts";

/** The index that lets a chat user have one open session. */
const oneOpenIndex = "conversation_sessions_one_open";
/** Its migration ends all but the newest open session of each user first. */
const oneOpenMigration = "one-open-session";

export interface RepairOptions extends MigrateOptions {
  /** Told what will be done; false: nothing is. */
  confirm(plan: RepairPlan): Promise<boolean>;
  /** Told before each. */
  onStep?(statement: string): void;
}

export interface RepairPlan {
  readonly repairs: readonly Repair[];
  /** Chat users with several open sessions: the newest stays, the others end. */
  readonly duplicates: number;
}

export interface Repaired {
  readonly mended: readonly Difference[];
  /** Sessions that were ended, since their users have newer ones. */
  readonly ended: number;
  /** What stays as it is, and why, where it was tried. */
  readonly left: readonly { readonly difference: Difference; readonly why: string | null }[];
  /** False: a person said no, and nothing was done. */
  readonly confirmed: boolean;
}

/**
 * Brings back what the migrations have made and the database has lost. Nothing that no migration made is touched, no
 * row is deleted, and duplicate open sessions end first. Each repair stands by itself: after any of them it can be run
 * again.
 *
 * Errors: those of `alone`, REPAIR_PENDING, MIGRATION_NOT_OWNER, MIGRATION_WAITS.
 */
export function repairSchema(databaseUrl: string, options: RepairOptions): Promise<Repaired> {
  return alone(databaseUrl, options, async (client, migrations, applied, patience) => {
    refusePending(migrations, applied);
    if (!(await mayChangeSchema(client))) throw notOwner();
    const queries = queriesOver(client);
    const expected = await expectedCatalogue();
    const before = await compareCatalogue(queries);
    const repairs = repairsOf(before, expected);
    const duplicates = mendsOneOpen(repairs) ? await countDuplicates(queries) : 0;
    const nothing = { mended: [], ended: 0, left: leftOf(before, new Map()) };
    if (repairs.length === 0) return { ...nothing, confirmed: true };
    if (!(await options.confirm({ repairs, duplicates }))) return { ...nothing, confirmed: false };
    const failures = new Map<string, string>();
    let ended = 0;
    for (const repair of repairs) {
      const { name } = repair.difference;
      if (name === oneOpenIndex && duplicates > 0) {
        ended = await endDuplicates(client, patience, migrations);
      }
      const why = await make(client, patience, repair, options.onStep ?? (() => {}));
      if (why !== null) failures.set(name, why);
    }
    const after = await compareCatalogue(queries);
    const still = new Set(after.map(keyOf));
    return {
      mended: before.filter((difference) => !still.has(keyOf(difference))),
      ended,
      left: leftOf(after, failures),
      confirmed: true,
    };
  });
}

const keyOf = ({ kind, name }: Difference): string => `${kind} ${name}`;

const leftOf = (differences: readonly Difference[], failures: ReadonlyMap<string, string>) =>
  differences.map((difference) => ({ difference, why: failures.get(difference.name) ?? null }));

const queriesOver = (client: Client): Queries => ({
  query: async (text, values = []) => (await client.query(text, [...values])).rows,
});

/** Why it was not made; null: it was. */
async function make(
  client: Client,
  patience: LockPatience,
  { difference, steps, unless }: Repair,
  onStep: (statement: string) => void,
): Promise<string | null> {
  const { kind, name, expected } = difference;
  try {
    if (unless !== null) {
      const { rows } = await client.query<{ found: number }>(unless.text);
      if ((rows[0]?.found ?? 0) > 0) return unless.why;
    }
    for (const step of steps) {
      const statements = typeof step === "string" ? [step] : step;
      for (const statement of statements) onStep(statement);
      const isOne = statements.length === 1;
      const text = isOne ? statements.join() : `begin; ${statements.join("; ")}; commit`;
      if (/\bindex concurrently\b/i.test(text)) {
        await withoutLimit(client, patience, () => client.query(text));
        continue;
      }
      await patiently(client, patience, `the ${kind} ${name}`, async () => {
        try {
          await client.query(text);
        } catch (error) {
          if (!isOne) await client.query("rollback").catch(() => {});
          throw error;
        }
      });
    }
    return null;
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    await dropRemains(client, expected);
    return error instanceof Error ? error.message : String(error);
  }
}

/** An index whose building failed stands there and does not work; it would slow writers down for nothing. */
async function dropRemains(client: Client, expected: CatalogueEntry | null): Promise<void> {
  if (expected === null || (expected.kind !== "index" && expected.kind !== "constraint")) return;
  const name = expected.name.slice(expected.name.indexOf(".") + 1);
  const { rows } = await client.query<{ name: string }>(
    `select i.indexrelid::regclass::text as name from pg_index i join pg_class c on c.oid = i.indexrelid
     where c.relname = $1 and c.relnamespace = current_schema()::regnamespace and not i.indisvalid
       and not exists (select from pg_constraint n where n.conindid = i.indexrelid)`,
    [name],
  );
  for (const { name: index } of rows) await client.query(`drop index concurrently ${index}`);
}

const mendsOneOpen = (repairs: readonly Repair[]): boolean =>
  repairs.some(({ difference }) => difference.name === oneOpenIndex);

async function countDuplicates(queries: Queries): Promise<number> {
  const [row] = await queries.query<{ users: number }>(
    `select count(*)::int as users from (
       select from conversation_sessions where status in ('active', 'escalated')
       group by channel, account, chat_user having count(*) > 1) d`,
  );
  return row?.users ?? 0;
}

/** By the statement of the migration that made the index. */
async function endDuplicates(
  client: Client,
  patience: LockPatience,
  migrations: readonly Migration[],
): Promise<number> {
  const cleanUp = migrations.find(({ name }) => name === oneOpenMigration)?.up.statements[0];
  if (cleanUp === undefined) throw new Error(`no migration is named ${oneOpenMigration}`);
  const done = await patiently(client, patience, "ending duplicate sessions", () =>
    client.query(cleanUp),
  );
  return done.rowCount ?? 0;
}

function refusePending(migrations: readonly Migration[], applied: readonly Applied[]): void {
  const done = new Set(applied.map(({ version }) => version));
  const pending = migrations.filter(({ version }) => !done.has(version));
  const newest = migrations.at(-1)?.version ?? 0;
  const later = applied.find(({ version }) => version > newest);
  if (later !== undefined) throw isNewer(labelOf(later));
  if (pending.length > 0) throw isPending(pending.length);
}

const isPending = (pending: number) =>
  new HoldfastError({
    code: "REPAIR_PENDING",
    message: `${pending} migrations are pending, so what should stand there is not known; nothing was changed.`,
    next: "Apply them first: npx holdfast migrate up",
  });

const isNewer = (label: string) =>
  new HoldfastError({
    code: "REPAIR_PENDING",
    message: `A newer program has applied ${label}, so what should stand there is not known; nothing was changed.`,
    next: "Run the repair of the newer program.",
  });

const notOwner = () =>
  new HoldfastError({
    code: "MIGRATION_NOT_OWNER",
    message: "This role may not change the schema. Nothing was changed.",
    next: "Name the owner's address in HOLDFAST_DATABASE_URL and run: npx holdfast migrate repair",
  });
