import type { ConversationRules, SessionStatus } from "../../../machines/conversation-rules.ts";
import type { PersonReplies } from "../../ports/conversation/person-replies.ts";
import { storableText } from "../../ports/conversation/storable-text.ts";
import { isOneOf } from "./conversation-statements.ts";
import type { Database } from "./database.ts";
import { isTakenMessage } from "./taken-messages.ts";

interface Row extends Record<string, unknown> {
  readonly status: SessionStatus;
  readonly said: boolean;
  readonly known: boolean;
}

/**
 * A turn without a question: $1 the session, $2 the inbound id, $3 the replies, $4 their random ids. The address and
 * the sender are those of the newest reply to the same user. A turn of the bot that runs meanwhile finds the session
 * moved, and runs again.
 */
const sayAsPerson = ({ open }: Pick<ConversationRules, "open">): string => `
  with s as materialized (
    select id, channel, account, chat_user, last_seq, status from conversation_sessions
    where id = $1 and status ${isOneOf(open)} for update
  ), known as materialized (
    select from s where ${isTakenMessage("s.channel", "s.account", "$2")}
  ), sent as materialized (
    select o.address, o.partition from s
      join conversation_sessions h on (h.channel, h.account, h.chat_user) = (s.channel, s.account, s.chat_user)
      join outbox o on o.session_id = h.id
    order by h.id desc, o.seq desc limit 1
  ), moved as (
    update conversation_sessions c set last_seq = s.last_seq + 1 + json_array_length($4::json), last_turn_at = now()
    from s, sent where c.id = s.id and not exists (select from known)
    returning s.*
  ), said as (
    insert into turns (session_id, seq, channel, account, inbound_id, asked, replies)
    select id, last_seq + 1, channel, account, $2, '', $3::json from moved
  ), queued as (
    insert into outbox (channel, account, chat_user, address, reply_index, session_id, seq, random_id, partition, state)
    select m.channel, m.account, m.chat_user, sent.address, r.number - 1, m.id, m.last_seq + 1 + r.number,
      r.random_id::bigint, sent.partition, 'pending'
    from moved m, sent, json_array_elements_text($4::json) with ordinality as r(random_id, number)
    order by r.number
  )
  select s.status, exists (select from moved) as said, exists (select from known) as known from s`;

export function createPersonReplies(
  database: Database,
  rules: Pick<ConversationRules, "open">,
): PersonReplies {
  const statement = sayAsPerson(rules);
  return {
    async say({ session, inboundId, messages }) {
      const replies = messages.map(({ body }) => ({
        body: storableText(body),
        menu: null,
        by: "person",
      }));
      const [row] = await database.query<Row>(statement, [
        session,
        storableText(inboundId),
        JSON.stringify(replies),
        JSON.stringify(messages.map(({ randomId }) => randomId)),
      ]);
      if (row === undefined) return "no open session";
      if (!row.known && !row.said) return "no address";
      return { status: row.status, repeated: row.known };
    },
  };
}
