import type { Client } from "pg";
import { HoldfastError } from "../../errors.ts";

/** PgBouncer takes no settings of a connection that it is not told to ignore, in any mode. */
const refusesSettings = /unsupported startup parameter/;
/** PgBouncer in transaction mode: another connection, without the prepared statements of the one before. */
const losesStatements = /prepared statement "[^"]*" (?:already exists|does not exist)/;

const ignored = "ignore_startup_parameters = options,statement_timeout,lock_timeout";

/** DATABASE_POOLED, where a library's error tells of a pooler between this host and PostgreSQL; else null. */
export function poolerRefusal(cause: unknown): HoldfastError | null {
  const { message } = Object(cause) as { readonly message?: unknown };
  const says = String(message);
  if (refusesSettings.test(says)) {
    return pooled(`refuses a connection's settings (${says})`, cause);
  }
  return losesStatements.test(says) ? withoutSession(says, cause) : null;
}

const withoutSession = (how: string, cause?: unknown) =>
  pooled(
    `gives each transaction another connection, as PgBouncer in transaction mode (${how})`,
    cause,
  );

const pooled = (what: string, cause: unknown) =>
  new HoldfastError({
    code: "DATABASE_POOLED",
    message: `Between this host and the database stands a pooler that ${what}.`,
    next: `Let HOLDFAST_DATABASE_URL name PostgreSQL itself, or a PgBouncer with pool_mode = session and ${ignored}.`,
    policy: "retryable",
    cause,
  });

async function backendOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}

/**
 * Two connections to PostgreSQL have two processes there, and keep them. Throws DATABASE_POOLED where they do not: a
 * lock that one takes would be left with another. `open`: a second connection; where there is none, nothing is told.
 */
export async function refusePooler(client: Client, open: () => Promise<Client>): Promise<void> {
  const before = await backendOf(client);
  const other = await open().catch(() => null);
  if (other === null) return;
  try {
    await other.query("begin");
    const its = await backendOf(other);
    const after = await backendOf(client);
    await other.query("rollback");
    if (its === before || after !== before) throw withoutSession("two connections had one process");
  } finally {
    await other.end();
  }
}
