import type { PartitionReplies } from "../../ports/conversation/outbox-store.ts";
import type { Database } from "./database.ts";
import { claimedRows, type OutboxRow, toItem } from "./outbox-rows.ts";

/** Nothing is claimed unless the partition is still owned under that very epoch, locked meanwhile. */
const claimRows = `
  with owner as materialized (
    select from partitions where id = $1 and epoch = $2 for share
  ), picked as materialized (
    select o.session_id, o.seq, o.state from outbox o
    where exists (select from owner) and o.partition = $1 and o.state in ('pending', 'sending')
      and (o.state = 'pending' or $4::boolean)
    order by o.id limit $3 for update
  ), claimed as (
    update outbox o set state = 'sending', epoch = $2, changed_at = now()
    from picked where o.session_id = picked.session_id and o.seq = picked.seq
    returning 0 as n, o.id, o.channel, o.account, o.chat_user, o.address, o.reply_index,
      o.random_id, o.session_id, o.seq, picked.state = 'sending' as attempted
  ), rows as (${claimedRows}
  )
  select exists (select from owner) as owned, (select json_agg(r order by r.id) from rows r) as rows`;

export function createPartitionReplies(database: Database): PartitionReplies {
  return {
    async claim({ partition, epoch }, { limit, recover }) {
      const [row] = await database.query<{ owned: boolean; rows: readonly OutboxRow[] | null }>(
        claimRows,
        [partition, epoch, limit, recover],
        "claim-partition-replies",
      );
      return row?.owned === true ? (row.rows ?? []).map(toItem) : null;
    },
  };
}
