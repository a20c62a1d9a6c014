import {
  type MenuChoice,
  type StoredToolOutput,
  toolOutputsMax,
} from "../../ports/conversation/conversation-store.ts";
import type { OfferedChoices } from "../../ports/conversation/offered-choices.ts";
import type { Database } from "./database.ts";

/**
 * Two looks into the primary key. A reply lies in the turn with the newest number below its own; a tool output in
 * the turn whose number its own begins with.
 */
const findChoice = `
  with said as (
    select seq, replies from turns where session_id = $1::bigint and seq < $2::int order by seq desc limit 1
  ), offered as (
    select replies -> ($2::int - seq - 1) -> 'menu' -> $3::int as choice from said
  ), pointed as (
    select choice, case when choice -> 'item' ->> 'toolOutputSeq' ~ '^[0-9]{1,12}$'
      then (choice -> 'item' ->> 'toolOutputSeq')::bigint end as output_seq
    from offered where choice is not null
  )
  select choice, (
    select output from turns t, json_array_elements(t.tool_outputs) output
    where t.session_id = $1::bigint and t.seq = output_seq / ${toolOutputsMax}
      and (output ->> 'seq')::bigint = output_seq
    limit 1) as source
  from pointed`;

export function createOfferedChoices(database: Database): OfferedChoices {
  return {
    async find({ sessionId, seq, index }) {
      const [row] = await database.query<{
        choice: MenuChoice;
        source: StoredToolOutput | null;
      }>(findChoice, [sessionId, seq, index], "find-choice");
      return row ?? null;
    },
  };
}
