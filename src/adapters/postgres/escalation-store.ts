import type {
  Escalation,
  EscalationStore,
  EscalationSummary,
} from "../../ports/conversation/escalation-store.ts";
import type { TurnReply } from "../../ports/conversation/conversation-store.ts";
import { countMax } from "../../ports/fleet-health.ts";
import type { Database } from "./database.ts";

interface Row extends Record<string, unknown> {
  readonly session: string;
  readonly channel: string;
  readonly account: string;
  readonly chat_user: string;
  readonly since: string;
  readonly since_ms: string;
}

interface ListRow extends Row {
  readonly age_ms: string;
  readonly answered: boolean;
  readonly asked: string | null;
  readonly reply: TurnReply | null;
}

interface FiguresRow extends Record<string, unknown> {
  readonly escalated: number;
  readonly unanswered: number;
  readonly oldest_ms: string | null;
}

const textMax = 200;

/** To the microsecond, so that it names the row as it stands. */
const since = `to_char(e.since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const columns = `e.session_id::text as session, e.channel, e.account, e.chat_user, ${since} as since,
  extract(epoch from e.since) * 1000 as since_ms`;
const msSince = (moment: string): string => `extract(epoch from now() - ${moment}) * 1000`;

/** What another host has in hand is passed over. */
const claimRows = `
  update escalations e set tries = e.tries + 1, next_at = now() + $2::float8 * interval '1 millisecond'
  from (
    select session_id from escalations
    where told_at is null and next_at <= now() and tries < $3 and since > now() - interval '1 day'
    order by next_at limit $1 for update skip locked
  ) due
  where e.session_id = due.session_id
  returning ${columns}, e.tries`;

const listRows = `
  select ${columns}, ${msSince("e.since")} as age_ms, e.answered_at is not null as answered,
    t.asked, t.replies -> -1 as reply
  from escalations e left join lateral (
    select asked, replies from turns t where t.session_id = e.session_id order by t.seq desc limit 1) t on true
  where $1::text[] is null or e.account = any ($1)
  order by e.answered_at is not null, e.since limit $2`;

const readFigures = `
  select count(*)::int as escalated, (count(*) filter (where answered_at is null))::int as unanswered,
    ${msSince("min(since) filter (where answered_at is null)")} as oldest_ms
  from (select since, answered_at from escalations order by since limit ${countMax}) e`;

export function createEscalationStore(database: Database): EscalationStore {
  return {
    async claimUntold({ limit, holdMs, triesMax }) {
      const rows = await database.query<Row & { readonly tries: number }>(claimRows, [
        limit,
        holdMs,
        triesMax,
      ]);
      return rows.map((row) => ({ ...toEscalation(row), tries: row.tries }));
    },
    async told({ session, since: at }) {
      await database.query(
        `update escalations e set told_at = now() where session_id = $1 and ${since} = $2`,
        [session, at],
      );
    },
    async notTold({ session, since: at }, afterMs) {
      await database.query(
        `update escalations e set next_at = now() + $3::float8 * interval '1 millisecond'
         where session_id = $1 and ${since} = $2`,
        [session, at, afterMs],
      );
    },
    async list({ accounts, limit }) {
      const rows = await database.query<ListRow>(listRows, [
        accounts === "all" ? null : accounts,
        limit,
      ]);
      return rows.map((row) => ({
        ...toEscalation(row),
        ageMs: Math.max(0, Math.round(Number(row.age_ms))),
        answered: row.answered,
        last: lastOf(row),
      }));
    },
    async figures() {
      const [row] = await database.query<FiguresRow>(readFigures);
      const { escalated, unanswered, oldest_ms: oldest } = row!;
      const oldestMs = oldest === null ? null : Math.max(0, Math.round(Number(oldest)));
      return { escalated, unanswered, oldestMs };
    },
  };
}

const toEscalation = (row: Row): Escalation => ({
  session: row.session,
  channel: row.channel,
  account: row.account,
  chatUser: row.chat_user,
  since: row.since,
  sinceMs: Math.round(Number(row.since_ms)),
});

/** A turn without replies ends with what the user said. */
function lastOf({ asked, reply }: ListRow): EscalationSummary["last"] {
  if (reply !== null) return { by: reply.by ?? "bot", text: cut(reply.body) };
  return asked === null ? null : { by: "user", text: cut(asked) };
}

const cut = (text: string): string =>
  text.length <= textMax ? text : `${text.slice(0, textMax - 1).toWellFormed()}…`;
