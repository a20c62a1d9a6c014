import type { Client } from "pg";
import { HoldfastError } from "../../errors.ts";
import { isLockTimeout } from "./database.ts";

/** How a change of the schema waits for its locks. All times in milliseconds. */
export interface LockPatience {
  /** At a time: whatever comes after it waits behind it meanwhile. */
  readonly waitMs: number;
  /** Between two tries, so that everything that has waited gets through. */
  readonly restMs: number;
  readonly triesMax: number;
  /** Told before each rest. */
  onWait?(line: string): void;
}

/** About four minutes in all. */
export const lockPatience: LockPatience = { waitMs: 2000, restMs: 2000, triesMax: 60 };

/** The same, for a person who watches. */
export const toldPatience = (onWait: (line: string) => void): LockPatience => ({
  ...lockPatience,
  onWait,
});

/** Limits each of the connection's waits for a lock. */
export async function limitLockWaits(client: Client, { waitMs }: LockPatience): Promise<void> {
  await client.query("select set_config('lock_timeout', $1, false)", [`${waitMs}ms`]);
}

/**
 * Builds or drops an index beside the work of others. That waits for every transaction that was there before it, and
 * holds no reader and no writer up meanwhile: it may wait as long as it takes.
 */
export async function withoutLimit(
  client: Client,
  patience: LockPatience,
  work: () => Promise<unknown>,
): Promise<void> {
  await limitLockWaits(client, { ...patience, waitMs: 0 });
  try {
    await work();
  } finally {
    await limitLockWaits(client, patience);
  }
}

/** Tries again while another transaction keeps it waiting for a lock. Throws MIGRATION_WAITS after the last try. */
export async function patiently<Result>(
  client: Client,
  patience: LockPatience,
  what: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const { restMs, triesMax, onWait = () => {} } = patience;
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      const holders = await holdersOf(client);
      if (tries >= triesMax) throw keptWaiting(what, holders, error);
      onWait(
        `${what} waits for a lock on a table and is tried again; at work for longer: ${holders}`,
      );
      await new Promise((resolve) => setTimeout(resolve, restMs));
    }
  }
}

/** The transactions that have held a table for longer than a moment, as a person can find them. */
async function holdersOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ holder: string }>(
    `select distinct 'pid ' || a.pid || coalesce(' (' || nullif(a.application_name, '') || ')', '') as holder
     from pg_locks l join pg_stat_activity a on a.pid = l.pid
       join pg_class c on c.oid = l.relation and c.relnamespace = current_schema()::regnamespace
     where l.granted and l.pid <> pg_backend_pid() and a.datname = current_database()
     order by 1 limit 5`,
  );
  return rows.length === 0 ? "none any more" : rows.map(({ holder }) => holder).join(", ");
}

const keptWaiting = (what: string, holders: string, cause: unknown) =>
  new HoldfastError({
    code: "MIGRATION_WAITS",
    message: `${what} did not get its lock on a table in time and was given up; at work there: ${holders}.`,
    next: "End that transaction in PostgreSQL, such as a dump or a forgotten session, then start again.",
    policy: "retryable",
    cause,
  });
