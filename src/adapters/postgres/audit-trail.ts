import { createHash } from "node:crypto";
import { HoldfastError } from "../../errors.ts";
import type {
  AuditEntry,
  AuditHead,
  AuditLine,
  AuditTrail,
  ChainedEntry,
} from "../../ports/callers/audit-trail.ts";
import { createBatcher } from "./batcher.ts";
import type { Database } from "./database.ts";

const linesMax = 500;
/** An outcome waits this long for the next call, to go with its line. */
const lateMs = 20;
/** Lines that are read in one statement. */
const pageLines = 5_000;

const digestOf = (line: string): string => createHash("sha256").update(line).digest("hex");

/**
 * The record of commands in Postgres, as one chain of this process. Simultaneous lines go in one statement, in the
 * order in which they came.
 * @param chain names this start of the program; no other process uses it
 */
export function createAuditTrail(
  database: Database,
  { chain, host }: { readonly chain: string; readonly host: string },
): AuditTrail {
  /** null: an append had an unknown outcome, and the end of the chain is to be looked up. */
  let end: { readonly seq: number; readonly digest: string } | null = { seq: 0, digest: "" };

  async function lookUpEnd(): Promise<{ readonly seq: number; readonly digest: string }> {
    const [last] = await database.query<{ seq: string; line: string }>(
      "select seq, line from audit where chain = $1 order by seq desc limit 1",
      [chain],
    );
    return last === undefined
      ? { seq: 0, digest: "" }
      : { seq: Number(last.seq), digest: digestOf(last.line) };
  }

  async function append(entries: readonly AuditEntry[]): Promise<void> {
    const from = end ?? (await lookUpEnd());
    end = null;
    let previous = from.digest;
    const lines = entries.map((entry) => {
      const line = JSON.stringify({ ...entry, previous } satisfies ChainedEntry);
      previous = digestOf(line);
      return line;
    });
    const seq = from.seq + lines.length;
    await database.query(
      `with head as (
         insert into audit_heads (chain, host, seq, digest) values ($1, $2, $3, $4)
         on conflict (chain) do update set seq = excluded.seq, digest = excluded.digest
         where audit_heads.seq < excluded.seq
       )
       insert into audit (chain, seq, line) select $1, * from unnest($5::bigint[], $6::text[])`,
      [chain, host, seq, previous, lines.map((_, index) => from.seq + index + 1), lines],
      "append-to-audit",
    );
    end = { seq, digest: previous };
  }

  let added = 0;
  const batcher = createBatcher<{ readonly entry: AuditEntry; readonly number: number }, void>({
    // Each line names the one before.
    lanes: 1,
    sizeMax: linesMax,
    keyOf: ({ number }) => String(number),
    async run(items) {
      try {
        await append(items.map(({ entry }) => entry));
        return items.map(() => undefined);
      } catch (cause) {
        throw notRecorded(cause);
      }
    },
  });
  const add = (entry: AuditEntry) => batcher.add({ entry, number: (added += 1) });

  let late: { readonly entry: AuditEntry; settle(writing: Promise<void>): void }[] = [];
  let timer: NodeJS.Timeout | undefined;
  function addLate(): void {
    clearTimeout(timer);
    timer = undefined;
    const all = late;
    late = [];
    for (const { entry, settle } of all) settle(add(entry));
  }

  return {
    write(entry) {
      if (entry.phase === "asked") {
        addLate();
        return add(entry);
      }
      // No answer waits for it: a statement of its own would only hold up the next call's line.
      return new Promise((settle) => {
        late.push({ entry, settle });
        timer ??= setTimeout(addLate, lateMs);
      });
    },
  };
}

/** Lines of the record since a moment, page by page, the earliest of each chain first. `whole`: those chains whole. */
export async function* readAudit(
  database: Database,
  { sinceMs, whole }: { readonly sinceMs: number; readonly whole: boolean },
): AsyncGenerator<readonly AuditLine[]> {
  const wanted = whole
    ? "chain in (select chain from audit where at >= to_timestamp($1::float8 / 1000))"
    : "at >= to_timestamp($1::float8 / 1000)";
  let [chain, seq] = ["", 0];
  for (;;) {
    const page = await database.query<{ chain: string; seq: string; line: string }>(
      `select chain, seq, line from audit where ${wanted} and (chain, seq) > ($2, $3)
       order by chain, seq limit $4`,
      [sinceMs, chain, seq, pageLines],
    );
    const last = page.at(-1);
    if (last === undefined) return;
    yield page.map((row) => ({ ...row, seq: Number(row.seq) }));
    [chain, seq] = [last.chain, Number(last.seq)];
  }
}

/** How far each chain had come that has a line since a moment, or that has lost all of its lines. */
export async function readAuditHeads(
  database: Database,
  sinceMs: number,
): Promise<readonly AuditHead[]> {
  const rows = await database.query<{ chain: string; host: string; seq: string; digest: string }>(
    `select chain, host, seq, digest from audit_heads h
     where exists (select from audit a where a.chain = h.chain and at >= to_timestamp($1::float8 / 1000))
       or not exists (select from audit a where a.chain = h.chain)
     order by chain`,
    [sinceMs],
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

const notRecorded = (cause: unknown) =>
  new HoldfastError({
    code: "AUDIT_UNAVAILABLE",
    message: "Postgres does not answer, so that the call could not be recorded; it was not made.",
    next: "Check that PostgreSQL runs and that HOLDFAST_DATABASE_URL names it, then try again.",
    policy: "retryable",
    cause,
  });
