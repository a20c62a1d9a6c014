import { Pool, type PoolClient, type QueryResultRow } from "pg";
import { HoldfastError } from "../../errors.ts";

/** Runs statements; throws DATABASE_UNAVAILABLE (retryable, unknown outcome) when Postgres does not answer. */
export interface Queries {
  /** `name`: each connection parses and plans the statement once; for a text that never changes. */
  query<Row extends QueryResultRow>(
    text: string,
    values?: readonly unknown[],
    name?: string,
  ): Promise<Row[]>;
}

export interface Database extends Queries {
  /** All or nothing; a failed commit has an unknown outcome. */
  transaction<Result>(work: (queries: Queries) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** As Postgres shows its connections: what they are for. */
  readonly name?: string;
  /** A statement that waits for a lock for longer fails; by default it waits as long as it may run. */
  readonly lockTimeoutMs?: number;
  /** Connections at most. */
  readonly poolMax?: number;
  readonly statementTimeoutMs?: number;
  /** Sees every statement before it runs. */
  readonly onQuery?: (text: string) => void;
}

const uniqueViolation = "23505";
const lockNotAvailable = "55P03";
/** SQLSTATE classes of a server that goes away: connection exceptions and operator intervention. */
const unavailableClasses: ReadonlySet<string> = new Set(["08", "57", "53"]);

export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const { poolMax = 8, statementTimeoutMs = 15_000, onQuery = () => {} } = options;
  const { lockTimeoutMs = 0, name: application } = options;
  const pool = new Pool({
    connectionString: url,
    max: poolMax,
    // The statements are short: compiling them would take longer than they run.
    options: "-c jit=off",
    connectionTimeoutMillis: 5000,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 5000,
    ...(lockTimeoutMs > 0 && { lock_timeout: lockTimeoutMs }),
    ...(application !== undefined && { application_name: application }),
  });
  // A broken idle connection is replaced by the pool; the statement that meets it reports it.
  pool.on("error", () => {});

  const over = (client: Pool | PoolClient): Queries => ({
    async query<Row extends QueryResultRow>(
      text: string,
      values: readonly unknown[] = [],
      name?: string,
    ) {
      onQuery(text);
      try {
        const config = { text, values: [...values], ...(name !== undefined && { name }) };
        const { rows } = await client.query<Row>(config);
        return rows;
      } catch (error) {
        throw parsed(error);
      }
    },
  });

  return {
    ...over(pool),
    async transaction(work) {
      const client = await pool.connect().catch((error: unknown) => Promise.reject(parsed(error)));
      let broken: Error | undefined;
      try {
        await client.query("begin");
        const result = await work(over(client));
        await client.query("commit");
        return result;
      } catch (error) {
        await client.query("rollback").catch((cause: Error) => {
          broken = cause;
        });
        throw parsed(error);
      } finally {
        client.release(broken);
      }
    },
    close: () => pool.end(),
  };
}

/** True where Postgres answered that another transaction holds a lock for longer than this one waits. */
export function isLockTimeout(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    (error as { readonly code?: unknown }).code === lockNotAvailable || isLockTimeout(error.cause)
  );
}

/** The constraint that a statement would have broken; null when it failed for another reason. */
export function brokenUniqueConstraint(error: unknown): string | null {
  const fields = error as { readonly code?: unknown; readonly constraint?: unknown };
  return fields.code === uniqueViolation && typeof fields.constraint === "string"
    ? fields.constraint
    : null;
}

function parsed(error: unknown): unknown {
  if (error instanceof HoldfastError) return error;
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  const isSqlState = typeof code === "string" && /^[0-9A-Z]{5}$/.test(code);
  if (isSqlState && !unavailableClasses.has(code.slice(0, 2))) return error;
  return new HoldfastError({
    code: "DATABASE_UNAVAILABLE",
    message: `The database does not answer (${String(message)}); whether the last statement took effect is unknown.`,
    next: "Check that PostgreSQL runs and that HOLDFAST_DATABASE_URL names it.",
    policy: "retryable",
    cause: error,
  });
}
