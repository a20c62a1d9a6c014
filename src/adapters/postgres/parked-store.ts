import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";
import type {
  AsideName,
  AsideWhy,
  ParkedQuery,
  ParkedStore,
  Parking,
} from "../../ports/conversation/parked-store.ts";
import { partitionOf } from "../../ports/conversation/partitions.ts";
import { storableJson, storableText } from "../../ports/conversation/storable-text.ts";
import type { Database } from "./database.ts";
import { isTakenMessage } from "./taken-messages.ts";

interface ParkedRow extends Record<string, unknown> {
  readonly id: string;
  readonly reason: string;
  readonly at: string;
  readonly item: InboundItem | null;
}

/** To the microsecond, so that it names the row as it stands. */
const at = `to_char(parked_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const columns = `id::text, reason, ${at} as at, item`;
const matches = `($1::text[] is null or account = any ($1)) and ($2::text is null or code = $2)
  and ($3::timestamptz is null or parked_at <= $3)`;

const parkTurn = `
  with owner as materialized (
    select from partitions where id = $8 and epoch = $9 for share
  ), taken as materialized (
    select where ${isTakenMessage("$1", "$2", "$4")}
  ), kept as (
    insert into parked_turns (channel, account, chat_user, inbound_id, item, code, reason)
    select $1, $2, $3, $4, $5::json, $6, $7
    where exists (select from owner) and not exists (select from taken)
    on conflict (channel, account, inbound_id) do update
      set item = excluded.item, code = excluded.code, reason = excluded.reason, parked_at = now()
    returning id
  )
  select case when exists (select from kept) then 'parked' when exists (select from owner) then 'taken'
    else 'stale-owner' end as parking`;

const keepTurn = `
  insert into parked_turns (channel, account, chat_user, inbound_id, item, code, reason)
  values ($1, $2, $3, $4, $5::json, $6, $7)
  on conflict (channel, account, inbound_id) do update
    set item = excluded.item, code = excluded.code, reason = excluded.reason, parked_at = now()`;

const keepData = `
  insert into parked_turns (data, source, code, reason) values ($1, $2, $3, $4) on conflict do nothing`;

const newestTurns = `
  select channel, account, chat_user as "chatUser", inbound_id as "inboundId", code, reason, item ->> 'replay' as replay
  from parked_turns where item is not null and parked_at > now() - interval '1 day'
  order by parked_at desc, id desc limit $1`;
/** Of all partitions together. */
const newestMax = 80_000;

type NewestRow = Omit<AsideName, "replay"> &
  AsideWhy & { readonly chatUser: string; readonly replay: string | null };

const reasonMax = 500;

export function createParkedStore(database: Database): ParkedStore {
  const boundsOf = ({ accounts, code, until }: ParkedQuery) => [
    accounts === "all" ? null : accounts,
    code ?? null,
    until ?? null,
  ];

  return {
    async park(item, { code, reason }, { partition, epoch }) {
      const { channel, account, chatUser, inboundId } = item;
      const [row] = await database.query<{ parking: Parking }>(parkTurn, [
        channel,
        account,
        chatUser,
        storableText(inboundId),
        storableJson(item),
        code,
        short(reason),
        partition,
        epoch,
      ]);
      return row!.parking;
    },
    async newest(partition, limit) {
      const rows = await database.query<NewestRow & Record<string, unknown>>(newestTurns, [
        newestMax,
      ]);
      return rows
        .filter((row) => partitionOf(row) === partition)
        .slice(0, limit)
        .map(({ replay, ...row }) => ({ ...row, ...(replay !== null && { replay }) }));
    },
    async keep({ source, data, item, reason }) {
      const code = /^[A-Z0-9_]+(?=:)/.exec(reason)?.[0] ?? "UNEXPECTED";
      const why = [code, short(reason)];
      if (item === null) {
        await database.query(keepData, [storableText(data), source, ...why]);
        return;
      }
      // Anew: a replay that has put it back just now must not remove it.
      const { channel, account, chatUser, inboundId } = item;
      const named = [channel, account, chatUser, storableText(inboundId), storableJson(item)];
      await database.query(keepTurn, [...named, ...why]);
    },
    async list({ limit, before, ...of }) {
      const [beforeAt = null, beforeId = null] = before?.split(" ") ?? [];
      return database.query<ParkedRow>(
        `select ${columns} from parked_turns
         where ${matches} and ($5::timestamptz is null or (parked_at, parked_turns.id) < ($5, $6::bigint))
         order by parked_at desc, parked_turns.id desc limit $4`,
        [...boundsOf(of), limit, beforeAt, beforeId],
      );
    },
    async replayable({ limit, id, ...of }) {
      const rows = await database.query<ParkedRow>(
        `select ${columns} from parked_turns
         where ${matches} and item is not null and ($5::bigint is null or id = $5) order by parked_turns.id limit $4`,
        [...boundsOf(of), limit, id ?? null],
      );
      return rows.filter(isReplayable);
    },
    async remove({ id, at: parkedAt }) {
      await database.query(`delete from parked_turns where id = $1 and ${at} = $2`, [id, parkedAt]);
    },
    async count(of) {
      const [row] = await database.query<{ n: number }>(
        `select count(*)::int as n from parked_turns where ${matches} and item is not null`,
        boundsOf(of),
      );
      return row!.n;
    },
    async now() {
      const [row] = await database.query<{ at: string }>(
        `select ${at.replace("parked_at", "clock_timestamp()")} as at`,
      );
      return row!.at;
    },
  };
}

const isReplayable = (row: ParkedRow): row is ParkedRow & { readonly item: InboundItem } =>
  row.item !== null;

const short = (reason: string): string => storableText(reason).slice(0, reasonMax).toWellFormed();
