import type { Client } from "pg";
import { HoldfastError } from "../../errors.ts";

/** Named in the refusal at most. */
const namedMax = 4;

/**
 * Refuses a database that another program uses, before anything is made in it. Empty ones, and this program's own with
 * whatever else stands in them, are well. What an extension has made counts for nothing. Throws DATABASE_FOREIGN.
 */
export async function refuseForeign(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name from pg_class c
     where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relnamespace = current_schema()::regnamespace
       and not exists (select from pg_depend d
         where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
     order by c.relname <> 'conversation_sessions', c.relname limit 1000`,
  );
  const names = rows.map(({ name }) => name);
  if (names.length === 0) return;
  const isOwn = names.includes("schema_migrations") && (await recordsMigrations(client));
  if (isOwn && !(await hasOldSessions(client))) return;
  throw foreign(names.filter((name) => !isOwn || name !== "schema_migrations"));
}

/** Other programs have a table of that name too, with other columns. */
async function recordsMigrations(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ own: boolean }>(
    `select count(*) = 4 as own from pg_attribute
     where attrelid = to_regclass('schema_migrations') and not attisdropped
       and attname in ('version', 'name', 'checksum', 'applied_at')`,
  );
  return rows[0]?.own === true;
}

/** The sessions of the old bot stand beside what was migrated: this program's table of the name has a channel. */
async function hasOldSessions(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ old: boolean }>(
    `select count(*) filter (where attname = 'subcontractor_id') > 0
         and count(*) filter (where attname = 'channel') = 0 as old
     from pg_attribute where attrelid = to_regclass('conversation_sessions') and not attisdropped`,
  );
  return rows[0]?.old === true;
}

function foreign(names: readonly string[]): HoldfastError {
  const more = names.length - namedMax;
  const named = names.slice(0, namedMax).join(", ") + (more > 0 ? ` and ${more} more` : "");
  return new HoldfastError({
    code: "DATABASE_FOREIGN",
    message: `The database has tables of another program (${named}), so nothing was changed in it.`,
    next: "Name an empty database in HOLDFAST_DATABASE_URL. An old bot's conversations come over with: npx holdfast adopt conversations --from <its address>",
  });
}
