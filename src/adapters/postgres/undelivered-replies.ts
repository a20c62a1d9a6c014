import type {
  NamedAccounts,
  UndeliveredReplies,
  UndeliveredReply,
  UntoldReply,
} from "../../ports/conversation/undelivered-replies.ts";
import type { Database } from "./database.ts";

interface Row {
  readonly number: string;
  readonly id: string;
  readonly channel: string;
  readonly account: string;
  readonly chat_user: string;
  readonly failure: string | null;
  readonly attempts: number;
  readonly given_up_at: Date;
  readonly text: string | null;
}

interface UntoldRow extends Row {
  readonly channel: UntoldReply["channel"];
  readonly address: { readonly accessHash: string };
}

/** Told in one go. */
const untoldMax = 50;
/** Of a text in a list. */
const textMax = 200;
const idForm = /^(\d{1,18}):(\d{1,9})$/;
const numberForm = /^\d{1,18}$/;

/** $1: null for all. */
const isNamed = "($1::text[] is null or o.account = any ($1))";

export function createUndeliveredReplies(database: Database): UndeliveredReplies {
  /** One reply of the list, changed by `sets`. */
  async function change(id: string, accounts: NamedAccounts, sets: string) {
    const [, session, seq] = idForm.exec(id) ?? [];
    if (session === undefined) return null;
    const [row] = await database.query<{ account: string }>(
      `update outbox o set ${sets}, changed_at = now()
       where ${isNamed} and o.session_id = $2 and o.seq = $3 and o.given_up_at is not null
       returning o.account`,
      [namesOf(accounts), session, seq],
    );
    return row?.account ?? null;
  }

  return {
    async list({ accounts, before, limit }) {
      const from = before !== null && numberForm.test(before) ? before : null;
      const rows = await database.query<Row & Record<string, unknown>>(
        `select o.id::text as number, o.session_id || ':' || o.seq as id, o.channel, o.account, o.chat_user, o.failure,
           o.attempts, o.given_up_at, left(t.replies -> o.reply_index ->> 'body', ${textMax}) as text
         from outbox o left join turns t on t.session_id = o.session_id and t.seq = o.seq - 1 - o.reply_index
         where o.given_up_at is not null and ${isNamed} and ($2::bigint is null or o.id < $2)
         order by o.id desc limit $3`,
        [namesOf(accounts), from, limit + 1],
      );
      const page = rows.slice(0, limit);
      return {
        replies: page.map(toReply),
        next: rows.length > limit ? (page.at(-1)?.number ?? null) : null,
      };
    },
    resend: (id, accounts) =>
      // Its last outcome may have been unknown.
      change(
        id,
        accounts,
        "state = 'pending', given_up_at = null, next_at = null, resent_at = now(), attempts = greatest(o.attempts, 1)",
      ),
    drop: (id, accounts) => change(id, accounts, "given_up_at = null"),
    async untold(accounts) {
      const rows = await database.query<UntoldRow & Record<string, unknown>>(
        `select o.id::text as number, o.session_id || ':' || o.seq as id, o.channel, o.account, o.chat_user, o.failure,
           o.attempts, o.given_up_at, o.address, t.replies -> o.reply_index ->> 'body' as text
         from outbox o join turns t on t.session_id = o.session_id and t.seq = o.seq - 1 - o.reply_index
         where o.given_up_at > now() - interval '1 hour' and o.told_at is null and o.account = any ($1)
           and t.inbound_id not like 'undelivered:%'
         order by o.given_up_at limit ${untoldMax}`,
        [accounts],
      );
      return rows.map((row) => ({
        ...toReply(row),
        channel: row.channel,
        accessHash: row.address.accessHash,
      }));
    },
    async told(ids) {
      await database.query(
        "update outbox o set told_at = now() where o.session_id || ':' || o.seq = any ($1) and o.given_up_at is not null",
        [ids],
      );
    },
  };
}

const namesOf = (accounts: NamedAccounts): readonly string[] | null =>
  accounts === "all" ? null : accounts;

const toReply = (row: Row): UndeliveredReply => ({
  id: row.id,
  channel: row.channel,
  account: row.account,
  chatUser: row.chat_user,
  code: row.failure ?? "UNKNOWN",
  attempts: row.attempts,
  at: row.given_up_at.toISOString(),
  text: row.text ?? "",
});
