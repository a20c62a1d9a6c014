import type { ConversationRules } from "../../../machines/conversation-rules.ts";
import { errorLine } from "../../errors.ts";
import { sessionInactiveMs, stepsKeptMs } from "../../ports/conversation/retention.ts";
import {
  type FleetHygiene,
  type HeldTokens,
  type Preserved,
  sweepAges,
  type SweepHow,
  type Swept,
} from "../../ports/hygiene.ts";
import { expireSessions, isOneOf, restingSessions } from "./conversation-statements.ts";
import type { Database, Queries } from "./database.ts";
import { isTaken } from "./taken-messages.ts";

/** Rows of one statement at most, so that none holds its locks for long. */
const partRows = 2000;

const isParked = `exists (select from parked_turns o
  where (o.channel, o.account, o.inbound_id) = (t.channel, t.account, t.inbound_id))`;

interface Covered {
  readonly name: string;
  readonly table: string;
  /** Of the row `t`; `$1` is an age in milliseconds. */
  readonly condition: string;
  readonly ageMs: number;
}

const older = (column: string): string =>
  `${column} < now() - $1::float8 * interval '1 millisecond'`;

/** Rows that nothing reads any more, because a finished record says the same. */
const covered: readonly Covered[] = [
  {
    name: "kept outcomes of turns that took effect",
    table: "turn_steps",
    condition: `${older("t.created_at")} and ${isTaken("t")}`,
    ageMs: sweepAges.coveredMs,
  },
  {
    name: "kept outcomes of turns that never ended",
    table: "turn_steps",
    condition: `${older("t.created_at")} and not ${isTaken("t")} and not ${isParked}`,
    ageMs: stepsKeptMs,
  },
  {
    name: "set-aside messages that took effect",
    table: "parked_turns",
    condition: `${older("t.parked_at")} and ${isTaken("t")}`,
    ageMs: sweepAges.coveredMs,
  },
  {
    name: "waits of Telegram that are over",
    table: "telegram_waits",
    condition: older("t.until"),
    ageMs: sweepAges.coveredMs,
  },
];

interface Sum {
  readonly n: number;
  readonly bytes: number;
  readonly [column: string]: unknown;
}

/** Of a row as text: a size that it has before and after, in every plan. */
const bytesOf = "octet_length(t::text)";
const sums = "count(*)::int as n, coalesce(sum(bytes), 0)::float8 as bytes";

const countOf = ({ table, condition }: Covered): string => `
  select ${sums} from (select ${bytesOf} as bytes from ${table} t where ${condition}) found`;

/** A row that another transaction has in hand is passed over. */
const removeOf = ({ table, condition }: Covered): string => `
  with found as materialized (
    select t.ctid, ${bytesOf} as bytes from ${table} t where ${condition}
    limit ${partRows} for update skip locked
  ), gone as (
    delete from ${table} t using found where t.ctid = found.ctid returning found.bytes
  )
  select ${sums} from gone`;

const isFleets = `
  select to_regclass('schema_migrations') is not null and to_regclass('fleet') is not null
    and to_regclass('parked_turns') is not null and to_regclass('telegram_waits') is not null as known`;

interface StandingRow {
  readonly parked: number;
  readonly steps: number;
  readonly open: number;
  readonly waiting: number;
  readonly behind: number;
  readonly waits: number;
  readonly [column: string]: unknown;
}

const standing = (rules: ConversationRules): string => `
  select (select count(*)::int from parked_turns) as parked,
    (select count(*)::int from turn_steps) as steps,
    (select count(*)::int from conversation_sessions where status ${isOneOf(rules.open)}) as open,
    (select count(*)::int from outbox where state in ('pending', 'sending')) as waiting,
    (select count(*)::int from turn_backlog) as behind,
    (select count(*)::int from telegram_waits) as waits`;

interface HolderRow {
  readonly host: string;
  readonly state: string;
  readonly tokens: number;
  readonly [column: string]: unknown;
}

/** Nothing here can prove the end of an incarnation: a host that runs, or the next start, does. */
const holders = `
  select i.host, i.state, count(t.account)::int as tokens from incarnations i
  left join tokens t on t.incarnation = i.id
  where i.state = 'LIVE' or t.account is not null group by i.id order by i.host, i.id limit 50`;

export function createFleetHygiene(database: Database, rules: ConversationRules): FleetHygiene {
  async function sum(text: string, values: readonly unknown[]): Promise<Sum> {
    const [row] = await database.query<Sum>(text, values);
    return row ?? { n: 0, bytes: 0 };
  }

  async function inParts(
    text: string,
    values: readonly unknown[],
    onPart: (part: Sum) => void,
  ): Promise<void> {
    for (;;) {
      const part = await sum(text, values);
      if (part.n === 0) return;
      onPart(part);
    }
  }

  /** Tells each part as soon as it is done. */
  async function sweepAll(
    { dryRun, keepCache }: SweepHow,
    onSwept: (swept: Swept) => void,
  ): Promise<void> {
    for (const one of keepCache ? [] : covered) {
      const { name, ageMs } = one;
      const tell = ({ n, bytes }: Sum) => onSwept({ kind: "cache", name, count: n, bytes });
      if (dryRun) tell(await sum(countOf(one), [ageMs]));
      else await inParts(removeOf(one), [ageMs], tell);
    }
    const name = "sessions at rest for 24 hours, kept as history";
    const tell = ({ n }: Sum) => onSwept({ kind: "sessions", name, count: n, bytes: 0 });
    if (dryRun) tell(await sum(restingSessions(rules), [sessionInactiveMs]));
    else await inParts(expireSessions(rules), [sessionInactiveMs, partRows], tell);
  }

  return {
    async sweep(how) {
      const [schema] = await database.query<{ known: boolean }>(isFleets);
      if (schema?.known !== true) return null;
      const parts: Swept[] = [];
      try {
        await sweepAll(how, (part) => parts.push(part));
        return { swept: summed(parts), preserved: await keptIn(database, rules) };
      } catch (error) {
        if (parts.length === 0) throw error;
        // What is done is done, and is told.
        const why = `not swept: ${errorLine(error)}`;
        return { swept: summed(parts), preserved: [{ name: "the rest of the database", why }] };
      }
    },
    async heldBy({ pid, startTime }): Promise<HeldTokens | null> {
      const [row] = await database.query<{ incarnation: string; host: string; tokens: number }>(
        `select i.id as incarnation, i.host, count(t.account)::int as tokens from incarnations i
         left join tokens t on t.incarnation = i.id
         where i.proof ->> 'pid' = $1 and i.proof ->> 'startTime' = $2
         group by i.id order by i.started_at desc limit 1`,
        [String(pid), startTime],
      );
      return row ?? null;
    },
    async renewing(incarnation) {
      const rows = await database.query<{ account: string }>(
        `select r.account from renewals r where r.state in ('preparing', 'prepared', 'switched')
           and exists (select from tokens t where t.account = r.account and t.incarnation = $1)
         order by 1`,
        [incarnation],
      );
      return rows.map(({ account }) => account);
    },
    async accountStates() {
      const rows = await database.query<{ state: string; n: number }>(
        "select state, count(*)::int as n from accounts group by state order by state",
      );
      return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
    },
  };
}

/** One for each name that has any. */
function summed(parts: readonly Swept[]): readonly Swept[] {
  const byName = new Map<string, Swept>();
  for (const { kind, name, count, bytes } of parts) {
    const before = byName.get(name) ?? { count: 0, bytes: 0 };
    byName.set(name, { kind, name, count: before.count + count, bytes: before.bytes + bytes });
  }
  return [...byName.values()].filter(({ count }) => count > 0);
}

/** What stands in the database after a sweep, each with the reason. */
async function keptIn(queries: Queries, rules: ConversationRules): Promise<readonly Preserved[]> {
  const [rows] = await queries.query<StandingRow>(standing(rules));
  if (rows === undefined) return [];
  const kept = (n: number, what: string, why: string): readonly Preserved[] =>
    n === 0 ? [] : [{ name: `${n} ${what}`, why }];
  const leases = await queries.query<HolderRow>(holders);
  return [
    ...leases.map(({ host, state, tokens }) => ({
      name: `lease of host ${host}`,
      why: `${state}, holds ${tokens} tokens: only a proof of its end frees them, and hosts see to it`,
    })),
    ...kept(rows.open, "open sessions", "a person may go on writing"),
    ...kept(rows.parked, "set-aside messages", "their turns did not take effect: replay them"),
    ...kept(rows.waiting, "replies on their way", "not delivered yet"),
    ...kept(rows.behind, "messages in the backlog", "their turns come"),
    ...kept(rows.steps, "kept outcomes of turns", "a turn may be taken again"),
    ...kept(rows.waits, "waits of Telegram", "in force, or just over"),
    { name: "audit and custody_ledger", why: "append-only" },
    { name: "accounts, keys, cursors and turns", why: "what the fleet is" },
  ];
}
