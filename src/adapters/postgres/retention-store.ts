import type { ConversationRules } from "../../../machines/conversation-rules.ts";
import type { KeptName, Removed, RetentionPolicy, RetentionStore } from "../../ports/retention.ts";
import { isOneOf } from "./conversation-statements.ts";
import { type Database, isLockTimeout } from "./database.ts";

/** Rows of one statement at most, so that none holds its locks for long. */
const batchRows = 5_000;
/** Months that are made ahead of the running one. */
const monthsAhead = 3;
const dayMs = 86_400_000;
/** Turns that are kept for so long go by whole months: deleting them first, row by row, would be twice the work. */
const wholeMonthsMs = 60 * dayMs;

interface Rule {
  readonly table: string;
  readonly kept: KeptName;
  /** Of the row `t`; `$1` is the moment before which rows are too old. */
  readonly condition: string;
  /** When a row was last of use, for the age of the oldest one. */
  readonly at: string;
  /** Clears these columns in place of the row. */
  readonly clears?: string;
}

/** In the order in which they go: what refers to others comes first. */
const rulesOf = ({ open }: Pick<ConversationRules, "open">): readonly Rule[] => [
  {
    // The newest of an open session stays: it has the address of the chat.
    table: "outbox",
    kept: "replies",
    at: "changed_at",
    condition: `t.changed_at < $1 and t.state in ('sent', 'failed') and not exists (
      select from conversation_sessions s where s.id = t.session_id and s.status ${isOneOf(open)}
        and t.seq = (select max(n.seq) from outbox n where n.session_id = t.session_id))`,
  },
  {
    // A reply that was not sent for as long as its text is kept goes with the text.
    table: "outbox",
    kept: "turns",
    at: "changed_at",
    condition: "t.created_at < $1 and t.state in ('pending', 'sending')",
  },
  { table: "turns", kept: "turns", at: "created_at", condition: "t.created_at < $1" },
  {
    table: "conversation_sessions",
    kept: "sessions",
    at: "ended_at",
    condition: `t.ended_at < $1 and not t.status ${isOneOf(open)}
      and not exists (select from turns n where n.session_id = t.id)
      and not exists (select from outbox n where n.session_id = t.id)`,
  },
  {
    table: "progress_updates",
    kept: "sessions",
    at: "changed_at",
    condition: "t.changed_at < $1",
  },
  {
    table: "parked_turns",
    kept: "parked",
    at: "parked_at",
    condition: "t.parked_at < $1 and t.item is null",
  },
  { table: "lifecycle_events", kept: "events", at: "at", condition: "t.at < $1" },
  {
    table: "renewal_steps",
    kept: "events",
    at: "at",
    condition: `t.at < $1 and exists (
      select from renewals r where r.id = t.renewal and r.state in ('done', 'aborted'))`,
  },
  { table: "update_gaps", kept: "events", at: "at", condition: "t.at < $1" },
  {
    // The rows stay: slots and epochs are never given twice, and one key is never taken twice.
    table: "authorisations",
    kept: "keys",
    at: "changed_at",
    condition:
      "t.changed_at < $1 and t.state in ('RETIRED', 'DISCARDED', 'DEAD') and t.session is not null",
    clears: "session = null",
  },
  { table: "webhook_requests", kept: "ids", at: "created_at", condition: "t.created_at < $1" },
  {
    table: "taken_messages",
    kept: "ids",
    at: "taken_on",
    condition: "t.taken_on < ($1 at time zone 'UTC')::date",
  },
];

/** The part that is no batch of rows. */
const monthsPart = "months of turns";
const partOf = ({ table, kept }: Rule): string => `${table} (${kept})`;

const sums = "count(*)::int as rows, coalesce(sum(bytes), 0)::float8 as bytes";
const bytesOf = "octet_length(t::text)";

const countText = ({ table, condition }: Rule): string =>
  `select ${sums} from (select ${bytesOf} as bytes from ${table} t where ${condition.replaceAll("$1", "$1::timestamptz")}) found`;

/**
 * A row that another transaction has in hand is passed over. The array lets each row be fetched by its place; the list
 * beside it tells the parts of a table apart.
 */
function removeText({ table, condition, clears }: Rule): string {
  const found = `t.ctid = any (array(select ctid from found)) and (t.tableoid, t.ctid) in (select part, ctid from found)`;
  const change =
    clears === undefined
      ? `delete from ${table} t where ${found}`
      : `update ${table} t set ${clears} where ${found}`;
  return `
    with found as materialized (
      select t.tableoid as part, t.ctid, ${bytesOf} as bytes from ${table} t
      where ${condition.replaceAll("$1", "$1::timestamptz")} limit ${batchRows} for update skip locked
    ), gone as (${change})
    select ${sums} from found`;
}

interface Sums {
  readonly rows: number;
  readonly bytes: number;
  readonly [column: string]: unknown;
}

export function createRetentionStore(
  database: Database,
  rules: Pick<ConversationRules, "open">,
): RetentionStore {
  const all = rulesOf(rules);
  const byPart = new Map(all.map((rule) => [partOf(rule), rule]));

  /** The moment before which rows of the kind are too old; null: none ever is. */
  function before(kept: KeptName, policy: RetentionPolicy, nowMs: number): Date | null {
    const ms = nowMs - policy[kept];
    return Number.isFinite(ms) ? new Date(ms) : null;
  }

  const isByMonth = ({ table }: Rule, { turns }: RetentionPolicy): boolean =>
    table === "turns" && turns >= wholeMonthsMs;

  async function oldMonths(policy: RetentionPolicy, nowMs: number) {
    const limit = before("turns", policy, nowMs);
    if (limit === null) return [];
    return database.query<{ name: string; bytes: string }>(
      "select name, bytes::text from turn_months where ends <= least($1, now() - interval '1 day') order by ends",
      [limit],
    );
  }

  /** The oldest month goes first. One that is in use now is tried again with the next run. */
  async function dropMonth(policy: RetentionPolicy, nowMs: number): Promise<Removed> {
    const [month] = await oldMonths(policy, nowMs);
    if (month === undefined) return { table: "turns", rows: 0, bytes: 0 };
    // As statistics know them: counting would read the whole month.
    const [known] = await database.query<{ rows: number }>(
      "select greatest(reltuples, 0)::int as rows from pg_class where oid = to_regclass($1)",
      [month.name],
    );
    try {
      const [gone] = await database.query<{ bytes: string | null }>(
        "select drop_turn_month($1, $2)::text as bytes",
        [month.name, before("turns", policy, nowMs)],
      );
      if (gone?.bytes == null) return { table: "turns", rows: 0, bytes: 0 };
      return { table: "turns", rows: Math.max(1, known?.rows ?? 0), bytes: Number(gone.bytes) };
    } catch (error) {
      if (isLockTimeout(error)) return { table: "turns", rows: 0, bytes: 0 };
      throw error;
    }
  }

  return {
    parts: [...byPart.keys(), monthsPart],
    async oldest(nowMs) {
      const seen = new Map(all.map((rule) => [rule.table, rule]));
      const ages: { table: string; ageMs: number | null }[] = [];
      for (const { table, at, clears } of seen.values()) {
        if (clears !== undefined) continue;
        const [row] = await database.query<{ oldest: Date | null }>(
          `select min(${at})::timestamptz as oldest from ${table}`,
        );
        ages.push({ table, ageMs: row?.oldest == null ? null : nowMs - row.oldest.getTime() });
      }
      return ages;
    },
    async count(policy, nowMs) {
      const found: Removed[] = [];
      for (const rule of all) {
        const limit = before(rule.kept, policy, nowMs);
        if (limit === null || isByMonth(rule, policy)) continue;
        const [sum] = await database.query<Sums>(countText(rule), [limit]);
        found.push({ table: rule.table, rows: sum?.rows ?? 0, bytes: sum?.bytes ?? 0 });
      }
      for (const { name, bytes } of await oldMonths(policy, nowMs)) {
        found.push({ table: name, rows: 1, bytes: Number(bytes) });
      }
      return found;
    },
    async remove(part, policy, nowMs) {
      if (part === monthsPart) return dropMonth(policy, nowMs);
      const rule = byPart.get(part)!;
      const limit = before(rule.kept, policy, nowMs);
      const nothing = { table: rule.table, rows: 0, bytes: 0 };
      if (limit === null || isByMonth(rule, policy)) return nothing;
      const [sum] = await database.query<Sums>(removeText(rule), [limit]);
      return sum === undefined ? nothing : { table: rule.table, rows: sum.rows, bytes: sum.bytes };
    },
    async makeMonths() {
      const [row] = await database.query<{ made: number }>(
        `select make_turn_months(${monthsAhead}) as made`,
      );
      return row?.made ?? 0;
    },
    async take(runner, { nowMs, leaseMs, isDue }) {
      const rows = await database.query(
        `update retention_runs set runner = $1, until = $3
         where (runner = $1 or until is null or until < $2) and (runner = $1 and until >= $2 or not $4 or next_at <= $2)
         returning 1`,
        [runner, new Date(nowMs), new Date(nowMs + leaseMs), isDue],
      );
      return rows.length > 0;
    },
    async giveBack(runner, nextMs) {
      await database.query(
        "update retention_runs set runner = null, until = null, next_at = $2 where runner = $1",
        [runner, new Date(nextMs)],
      );
    },
  };
}
