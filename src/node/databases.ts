import { type Database, openDatabase } from "../adapters/postgres/database.ts";
import type { Config } from "../config/config.ts";
import { HoldfastError } from "../errors.ts";

/**
 * A node's pools of connections to Postgres. Work that waits for a lock, or for a connection, waits within its own
 * pool. docs/operating.md states their sizes.
 */
export interface NodeDatabases {
  /** The host's beats alone: whatever else waits, this host hears whether Postgres answers. */
  readonly beats: Database;
  /** Grants, transitions, slots and renewals. */
  readonly custody: Database;
  /** Turns, their steps and their replies. */
  readonly turns: Database;
  /** Cursors, callers, records and everything else. */
  readonly others: Database;
  /** How many connections each pool has. */
  readonly sizes: typeof sizes;
  /** Opens every connection: the first account that comes waits for none. Never rejects. */
  warm(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Connections, open from the start: an account that comes to an idle host would wait for each that is opened then.
 * Accounts come several at a time, each with several statements at once.
 */
const sizes = { beats: 1, custody: 8, turns: 8, others: 4 } as const;
/** Well below every T_suspect: a beat that waits for a lock has its answer before the host doubts Postgres. */
const beatLockMsMax = 1000;

/** Opens no connection yet. Throws CONFIG_INVALID without an address. */
export function openNodeDatabases(
  { databaseUrl }: Pick<Config, "databaseUrl">,
  host: string,
): NodeDatabases {
  if (databaseUrl === null) throw addressMissing();
  const open = (pool: keyof typeof sizes, lockTimeoutMs?: number) =>
    openDatabase(databaseUrl, {
      name: `holdfast ${pool} ${host}`,
      poolMax: sizes[pool],
      keptOpen: sizes[pool],
      ...(lockTimeoutMs !== undefined && { lockTimeoutMs }),
    });
  const pools = {
    beats: open("beats", beatLockMsMax),
    custody: open("custody"),
    turns: open("turns"),
    others: open("others"),
  };
  return {
    ...pools,
    sizes,
    async warm() {
      await Promise.all(Object.values(pools).map((pool) => pool.warm()));
    },
    async close() {
      await Promise.all(Object.values(pools).map((pool) => pool.close()));
    },
  };
}

const addressMissing = () =>
  new HoldfastError({
    code: "CONFIG_INVALID",
    message: "HOLDFAST_DATABASE_URL is not set.",
    next: "Set it, or start everything with: npm start",
  });
