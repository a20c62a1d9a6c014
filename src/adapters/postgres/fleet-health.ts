import type { ConversationRules } from "../../../machines/conversation-rules.ts";
import type { ConversationRecords } from "../../ports/conversation/conversation-records.ts";
import {
  countMax,
  type FleetHealthStore,
  type StoredHealth,
  type StoredHost,
} from "../../ports/fleet-health.ts";
import { isOneOf } from "./conversation-statements.ts";
import type { Database } from "./database.ts";

interface HealthRow {
  readonly active: number;
  readonly escalated: number;
  readonly created: number;
  readonly behind: number;
  readonly behind_ms: string | null;
  readonly parked: number;
  readonly waiting: number;
  readonly waiting_ms: string | null;
  readonly given_up: number;
  readonly takeovers: number;
}

interface HostRow {
  readonly id: string;
  readonly host: string;
  readonly started_at: Date;
  readonly ended_for_ms: string | null;
  readonly accounts: number;
  readonly partitions: readonly number[] | null;
}

/** $1: null for all accounts. */
const isNamed = "($1::text[] is null or account = any ($1))";
const msSince = (moment: string): string => `extract(epoch from now() - ${moment}) * 1000`;

/** Each kind of replies has an index of its own. */
const waitingReplies = (kind: string): string =>
  `(select coalesce(resent_at, created_at) as since from outbox
    where state in ('pending', 'sending') and ${kind} and ${isNamed} limit ${countMax})`;

/** Each part reads an index of few rows, or at most `countMax` rows. */
const readHealth = ({ open }: Pick<ConversationRules, "open">): string => `
  with open_ones as (
    select status from conversation_sessions where status ${isOneOf(open)} and ${isNamed} limit ${countMax}
  ), newest as (
    select account, created_at from conversation_sessions order by id desc limit ${countMax}
  ), behind as (
    select moved_at from turn_backlog where ${isNamed} limit ${countMax}
  ), waiting as (
    ${waitingReplies("partition is null")} union all ${waitingReplies("partition is not null")}
  ), given_up as (
    select from outbox where given_up_at is not null and ${isNamed} limit ${countMax}
  ), parked as (
    select from parked_turns where item is not null and ${isNamed} limit ${countMax}
  )
  select
    (select count(*)::int from open_ones where status <> 'escalated') as active,
    (select count(*)::int from open_ones where status = 'escalated') as escalated,
    (select count(*)::int from newest
     where created_at > now() - interval '24 hours' and ${isNamed}) as created,
    (select count(*)::int from behind) as behind,
    (select ${msSince("min(moved_at)")} from behind) as behind_ms,
    (select count(*)::int from parked) as parked,
    (select count(*)::int from waiting) as waiting,
    (select ${msSince("min(since)")} from waiting) as waiting_ms,
    (select count(*)::int from given_up) as given_up,
    (select count(*)::int from incarnations
     where state = 'REVOKED' and ended_at > now() - interval '1 hour') as takeovers`;

const readHosts = `
  select i.id, i.host, i.started_at, ${msSince("i.ended_at")} as ended_for_ms,
    (select count(distinct t.account)::int from tokens t where t.incarnation = i.id) as accounts,
    (select array_agg(p.id order by p.id) from partitions p where p.owner = i.id) as partitions
  from incarnations i where i.id = any ($1)`;

export function createFleetHealthStore(
  database: Database,
  rules: Pick<ConversationRules, "open">,
  records: Pick<ConversationRecords, "duplicates">,
): FleetHealthStore {
  const health = readHealth(rules);
  return {
    async read(accounts) {
      const named = accounts === "all" ? null : accounts;
      const [[row], duplicates] = await Promise.all([
        database.query<HealthRow & Record<string, unknown>>(health, [named]),
        records.duplicates(),
      ]);
      return toHealth(row!, duplicates);
    },
    async hosts(incarnations) {
      const rows = await database.query<HostRow & Record<string, unknown>>(readHosts, [
        incarnations,
      ]);
      return rows.map(toHost);
    },
  };
}

const msOf = (text: string | null): number | null =>
  text === null ? null : Math.max(0, Math.round(Number(text)));

const toHealth = (row: HealthRow, duplicates: number): StoredHealth => ({
  sessions: {
    active: row.active,
    escalated: row.escalated,
    createdInDay: row.created,
    duplicates,
  },
  backlog: { messages: row.behind, oldestMs: msOf(row.behind_ms) },
  setAside: row.parked,
  replies: { waiting: row.waiting, oldestMs: msOf(row.waiting_ms), givenUp: row.given_up },
  takeovers: row.takeovers,
});

const toHost = (row: HostRow): StoredHost => ({
  incarnation: row.id,
  host: row.host,
  startedMs: row.started_at.getTime(),
  endedForMs: msOf(row.ended_for_ms),
  accounts: row.accounts,
  partitions: row.partitions ?? [],
});
