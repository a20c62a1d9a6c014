import { Pool, type PoolClient, type QueryResultRow } from "pg";
import { HoldfastError } from "../../errors.ts";
import { poolerRefusal } from "./pooler.ts";

/**
 * Runs statements. Throws DATABASE_UNAVAILABLE (retryable, unknown outcome) when Postgres does not answer,
 * DATABASE_REFUSES (retryable, without effect) when it answers no statement of this kind now, and STATEMENT_TOO_SLOW
 * (retryable, without effect) when it gives this one up. DATABASE_POOLED where a pooler stands between that does not
 * keep sessions. An error about the statement's own data is thrown as it came.
 */
export interface Queries {
  /** `name`: each connection parses and plans the statement once; for a text that never changes. */
  query<Row extends QueryResultRow>(
    text: string,
    values?: readonly unknown[],
    name?: string,
  ): Promise<Row[]>;
}

export interface Database extends Queries {
  /** Opens the connections that are kept, so that no statement waits for one. What fails shows with the statements. */
  warm(): Promise<void>;
  /** All or nothing; a failed commit has an unknown outcome. */
  transaction<Result>(work: (queries: Queries) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** As Postgres shows its connections: what they are for. */
  readonly name?: string;
  /** A statement that waits for a lock for longer fails; by default two thirds of the time that it may run. */
  readonly lockTimeoutMs?: number;
  /** Connections at most. */
  readonly poolMax?: number;
  /** So many connections stay open while nothing needs them; by default none for longer than ten seconds. */
  readonly keptOpen?: number;
  readonly statementTimeoutMs?: number;
  /** Sees every statement before it runs. */
  readonly onQuery?: (text: string) => void;
}

const uniqueViolation = "23505";
/**
 * SQLSTATE classes that name the statement's own data: bad values, broken constraints, limits that it exceeds, and what
 * the schema's own triggers raise. The same statement fails again. All others are about the server, and pass.
 */
const dataClasses: ReadonlySet<string> = new Set(["22", "23", "54", "P0"]);
/** Classes of a server that goes away: connection exceptions, operator intervention, insufficient resources. */
const unavailableClasses: ReadonlySet<string> = new Set(["08", "57", "53"]);
/** The statement ran out of its time, or of memory, and was undone. */
const overrunStates: ReadonlySet<unknown> = new Set(["57014", "53200"]);
/** It waited too long for what another transaction holds, and was undone. */
const lockedState = "55P03";
/** Of the time that a statement may take: one that waits for a lock is told apart from one that works. */
const lockShare = 2 / 3;

export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const { poolMax = 8, keptOpen = 0, statementTimeoutMs = 15_000, onQuery = () => {} } = options;
  const { lockTimeoutMs = Math.ceil(statementTimeoutMs * lockShare), name: application } = options;
  const pool = new Pool({
    connectionString: url,
    max: poolMax,
    min: keptOpen,
    // The statements are short: compiling them would take longer than they run.
    options: "-c jit=off",
    connectionTimeoutMillis: 5000,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 5000,
    lock_timeout: lockTimeoutMs,
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
    async warm() {
      // Those at work are open, and may be for long: none of them is waited for.
      const atWork = pool.totalCount - pool.idleCount;
      const opening = Array.from({ length: keptOpen - atWork }, () => pool.connect());
      for (const opened of await Promise.allSettled(opening)) {
        if (opened.status === "fulfilled") opened.value.release();
      }
    },
    close: () => pool.end(),
  };
}

/** True where Postgres answered that another transaction holds a lock for longer than this one waits. */
export function isLockTimeout(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (error as { readonly code?: unknown }).code === lockedState || isLockTimeout(error.cause);
}

/** The constraint that a statement would have broken; null when it failed for another reason. */
export function brokenUniqueConstraint(error: unknown): string | null {
  const fields = error as { readonly code?: unknown; readonly constraint?: unknown };
  return fields.code === uniqueViolation && typeof fields.constraint === "string"
    ? fields.constraint
    : null;
}

/** Why a statement was given up that may hold up others beside it; null for any other error. */
export function givenUpFor(error: unknown): "overrun" | "lock" | null {
  const state = error instanceof HoldfastError ? sqlStateOf(error.cause) : null;
  if (overrunStates.has(state)) return "overrun";
  return state === lockedState ? "lock" : null;
}

/** No statement reached the server: it is away, or takes no connections. */
export function wasNeverAsked(error: unknown): boolean {
  if (!(error instanceof HoldfastError)) return false;
  const { code, message } = Object(error.cause) as { code?: unknown; message?: unknown };
  return code === "ECONNREFUSED" || code === "57P03" || String(message).includes("connect");
}

function sqlStateOf(error: unknown): string | null {
  const { code } = Object(error) as { readonly code?: unknown };
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

/** What an error of the server, or of the way to it, means for the one who asked. */
export function parsed(error: unknown): unknown {
  if (error instanceof HoldfastError) return error;
  const { message } = error as { readonly message?: unknown };
  const state = sqlStateOf(error);
  const refusal = poolerRefusal(error);
  if (refusal !== null) return refusal;
  if (state !== null && dataClasses.has(state.slice(0, 2))) return error;
  if (state === lockedState || overrunStates.has(state)) {
    return new HoldfastError({
      code: "STATEMENT_TOO_SLOW",
      message: `The database gave a statement up (${state}: ${String(message)}); it had no effect.`,
      next: "See what it waits for: select * from pg_stat_activity",
      policy: "retryable",
      cause: error,
    });
  }
  if (state !== null && !unavailableClasses.has(state.slice(0, 2))) {
    return new HoldfastError({
      code: "DATABASE_REFUSES",
      message: `The database refuses a statement (${state}: ${String(message)}); it had no effect.`,
      next: "See whether PostgreSQL is read-only, and check its schema: npx holdfast migrate verify",
      policy: "retryable",
      cause: error,
    });
  }
  return new HoldfastError({
    code: "DATABASE_UNAVAILABLE",
    message: `The database does not answer (${String(message)}); whether the last statement took effect is unknown.`,
    next: "Check that PostgreSQL runs and that HOLDFAST_DATABASE_URL names it.",
    policy: "retryable",
    cause: error,
  });
}
