import type { Queries } from "./database.ts";

/** What a server of the fleet's database says of itself. */
export interface ServerFacts {
  readonly version: string;
  /** As `server_version_num` has it. */
  readonly versionNumber: number;
  /** Its clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** True where no statement may write: a standby, or a database that was made so. */
  readonly readOnly: boolean;
  /** Settings of durability that are not on. */
  readonly unsafe: readonly string[];
  readonly connectionsMax: number;
  /** Of the database, in bytes. */
  readonly bytes: number;
}

export async function readServerFacts(database: Queries): Promise<ServerFacts> {
  const [row] = await database.query<{
    version: string;
    version_number: number;
    now_ms: string;
    read_only: boolean;
    unsafe: readonly string[];
    connections_max: number;
    bytes: string;
  }>(
    `select current_setting('server_version') as version,
       current_setting('server_version_num')::int as version_number,
       (extract(epoch from clock_timestamp()) * 1000)::bigint::text as now_ms,
       pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' as read_only,
       array(select name from pg_settings
         where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off'
         order by name) as unsafe,
       current_setting('max_connections')::int as connections_max,
       pg_database_size(current_database())::text as bytes`,
  );
  const { version = "unknown", unsafe = [], connections_max: connectionsMax = 0 } = row ?? {};
  return {
    version,
    versionNumber: row?.version_number ?? 0,
    nowMs: Number(row?.now_ms),
    readOnly: row?.read_only === true,
    unsafe,
    connectionsMax,
    bytes: Number(row?.bytes ?? 0),
  };
}

/** A migration as the database remembers it. */
export interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

/** null: no schema of Holdfast stands here. Makes nothing, unlike a migrator. */
export async function readApplied(database: Queries): Promise<readonly AppliedMigration[] | null> {
  const [found] = await database.query<{ there: boolean }>(
    "select to_regclass('schema_migrations') is not null as there",
  );
  if (found?.there !== true) return null;
  const rows = await database.query<AppliedMigration & Record<string, unknown>>(
    "select version, name, checksum from schema_migrations order by version",
  );
  return rows.map(({ version, name, checksum }) => ({ version, name, checksum }));
}

/** Indexes of this schema that no plan uses: their build was begun and not ended, and nothing builds them now. */
export async function readInvalidIndexes(database: Queries): Promise<readonly string[]> {
  const rows = await database.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_index i join pg_class c on c.oid = i.indexrelid
     where not i.indisvalid and c.relnamespace = current_schema()::regnamespace
       and not exists (select from pg_stat_progress_create_index p where p.index_relid = c.oid)
     order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** Whether the index that keeps sessions single is there, unique and valid. */
export async function isSessionIndexThere(database: Queries): Promise<boolean> {
  const [row] = await database.query<{ holds: boolean }>(
    `select indisvalid and indisunique as holds from pg_index
     where indexrelid = to_regclass('conversation_sessions_one_open')`,
  );
  return row?.holds === true;
}

/**
 * Builds an index anew beside the work of others. What a failed build leaves is dropped, and the index is as it was.
 * @param name as `readInvalidIndexes` tells it: quoted where it must be
 */
export async function rebuildIndex(database: Queries, name: string): Promise<void> {
  try {
    await database.query(`reindex index concurrently ${name}`);
  } catch (error) {
    const half = name.endsWith('"') ? `${name.slice(0, -1)}_ccnew"` : `${name}_ccnew`;
    await database.query(`drop index concurrently if exists ${half}`).catch(() => undefined);
    throw error;
  }
}

/** A token that an incarnation holds which has ended. */
export interface StrayToken {
  readonly account: string;
  readonly slot: number;
  readonly host: string;
}

/** Tokens of incarnations that ended so long ago, in milliseconds: a serving host would have freed them. */
export async function readStrayTokens(
  database: Queries,
  endedForMs: number,
): Promise<readonly StrayToken[]> {
  return database.query<StrayToken & Record<string, unknown>>(
    `select t.account, t.slot, i.host from tokens t join incarnations i on i.id = t.incarnation
     where i.state <> 'LIVE' and i.ended_at < now() - $1 * interval '1 millisecond'
     order by 1, 2 limit 100`,
    [endedForMs],
  );
}

/** Accounts in a state of service without a key that serves. */
export async function readKeyless(
  database: Queries,
  states: readonly string[],
): Promise<readonly string[]> {
  const rows = await database.query<{ name: string }>(
    `select name from accounts a where state = any ($1)
       and not exists (select from authorisations s
         where s.account = a.name and s.slot = a.serving_slot and s.state = 'SERVING')
     order by 1 limit 100`,
    [states],
  );
  return rows.map(({ name }) => name);
}

/** Authorisations of serving accounts that are pending for so long, while no renewal makes them. */
export async function readLeftPending(
  database: Queries,
  forMs: number,
): Promise<readonly { readonly account: string; readonly slot: number }[]> {
  return database.query<{ account: string; slot: number }>(
    `select s.account, s.slot from authorisations s join accounts a on a.name = s.account
     where s.state = 'PENDING' and a.serving_slot is not null
       and s.changed_at < now() - $1 * interval '1 millisecond'
       and not exists (select from renewals r where r.account = s.account
         and r.state in ('preparing', 'prepared', 'switched'))
     order by 1, 2 limit 100`,
    [forMs],
  );
}

/** Sessions and turns since a time: how often a session that stood was used again. */
export async function readReuse(
  database: Queries,
): Promise<{ readonly sessions: number; readonly turns: number }> {
  const [row] = await database.query<{ sessions: number; turns: number }>(
    `select count(*)::int as sessions, coalesce(sum(turns), 0)::int as turns
     from conversation_sessions where turns > 0`,
  );
  return row ?? { sessions: 0, turns: 0 };
}

/** Tables of whoever else or of Holdfast that stand in this database, beside Postgres's own. */
export async function countTables(database: Queries): Promise<number> {
  const [row] = await database.query<{ tables: number }>(
    `select count(*)::int as tables from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'S') and n.nspname not like 'pg\\_%'
       and n.nspname <> 'information_schema'`,
  );
  return row?.tables ?? 0;
}

/** How many accounts stand in a database with Holdfast's schema. */
export async function countAccounts(database: Queries): Promise<number> {
  const [row] = await database.query<{ accounts: number }>(
    "select count(*)::int as accounts from accounts",
  );
  return row?.accounts ?? 0;
}
