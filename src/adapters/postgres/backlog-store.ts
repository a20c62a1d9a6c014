import type {
  BacklogItem,
  BacklogPlace,
  BacklogRead,
  BacklogStore,
} from "../../ports/conversation/backlog-store.ts";
import type { ConversationKey } from "../../ports/conversation/conversation-store.ts";
import { storableJson, storableText } from "../../ports/conversation/storable-text.ts";
import type { Database } from "./database.ts";

interface UserRow {
  readonly channel: string;
  readonly account: string;
  readonly chat_user: string;
  readonly items: number;
  readonly first: string;
  readonly last: string;
}

interface ItemRow {
  readonly n: number;
  readonly position: string;
  readonly inbound_id: string;
  readonly item: string;
}

/** The owner's row is locked, so that the next owner's claim waits for this statement. */
const addText = `
  with owner as materialized (
    select id from partitions where id = $1 and epoch = $2 for share
  ), added as (
    insert into turn_backlog (partition, channel, account, chat_user, position, inbound_id, item)
    select owner.id, i.channel, i.account, i.chat_user, i.position, i.inbound_id, i.item::json
    from owner, json_to_recordset($3::json)
      as i(channel text, account text, chat_user text, position bigint, inbound_id text, item text)
    on conflict do nothing
  )
  select exists (select from owner) as owned`;

/** User by user, with a limit each: a plan made over few rows does not read all of them later. */
const readText = `
  select i.n, b.position, b.inbound_id, b.item::text as item
  from json_to_recordset($2::json)
    as i(n int, channel text, account text, chat_user text, position bigint, inbound_id text, most int)
  cross join lateral (
    select position, inbound_id, item from turn_backlog b
    where (b.partition, b.channel, b.account, b.chat_user) = ($1, i.channel, i.account, i.chat_user)
      and (b.position, b.inbound_id) > (i.position, i.inbound_id)
    order by b.position, b.inbound_id limit i.most) b
  order by i.n, b.position, b.inbound_id`;

const removeText = `
  delete from turn_backlog b
  using json_to_recordset($2::json)
    as i(channel text, account text, chat_user text, position bigint, inbound_id text)
  where b.partition = $1 and (b.channel, b.account, b.chat_user, b.position, b.inbound_id) =
    (i.channel, i.account, i.chat_user, i.position, i.inbound_id)`;

/** Users who are behind, and their items. */
export function createBacklogStore(database: Database): BacklogStore {
  return {
    async users(partition) {
      const rows = await database.query<UserRow & Record<string, unknown>>(
        `select channel, account, chat_user, count(*)::int as items, min(position) as first, max(position) as last
         from turn_backlog where partition = $1 group by channel, account, chat_user`,
        [partition],
      );
      return rows.map(({ channel, account, chat_user: chatUser, items, first, last }) => ({
        channel,
        account,
        chatUser,
        items,
        first: Number(first),
        last: Number(last),
      }));
    },
    async add({ partition, epoch }, items) {
      const [row] = await database.query<{ owned: boolean }>(
        addText,
        [
          partition,
          epoch,
          storableJson(items.map((item) => ({ ...rowOf(item), item: item.text }))),
        ],
        "add-to-backlog",
      );
      return row!.owned;
    },
    async read(partition, of) {
      const rows = await database.query<ItemRow & Record<string, unknown>>(
        readText,
        [partition, storableJson(of.map(requestOf))],
        "read-backlog",
      );
      const found = of.map((): BacklogItem[] => []);
      for (const { n, position, inbound_id: inboundId, item: text } of rows) {
        found[n]!.push({ ...of[n]!.key, position: Number(position), inboundId, text });
      }
      return found;
    },
    async remove(partition, items) {
      await database.query(
        removeText,
        [partition, storableJson(items.map(rowOf))],
        "remove-from-backlog",
      );
    },
  };
}

const rowOf = (item: ConversationKey & BacklogPlace) => ({
  channel: item.channel,
  account: item.account,
  chat_user: item.chatUser,
  position: item.position,
  inbound_id: storableText(item.inboundId),
});

const requestOf = ({ key, after, limit }: BacklogRead, n: number) => ({
  n,
  ...rowOf({ ...key, ...after }),
  most: limit,
});
