import type { PartitionClaim } from "../../ports/conversation/conversation-store.ts";
import { storableText } from "../../ports/conversation/storable-text.ts";
import type { Suspect, SuspectStore } from "../../ports/conversation/suspect-store.ts";
import { createBatcher } from "./batcher.ts";
import type { Database } from "./database.ts";

/** A message that is not taken for so long is taken no more. */
const keptDays = 30;
/** Of one partition; beyond that they run beside others once more. */
const readMax = 10_000;
const reasonMax = 500;

const readSuspects = `
  with old as (delete from bot_suspects where partition = $1 and died_at < now() - interval '${keptDays} days')
  select channel, account, inbound_id as "inboundId" from bot_suspects
  where partition = $1 and died_at >= now() - interval '${keptDays} days' order by died_at desc limit ${readMax}`;

const countDeaths = `
  with told as materialized (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::text[], $7::text[])
      as one (channel, account, inbound_id, partition, epoch, code, reason)
  ), owner as materialized (
    select p.id, p.epoch from partitions p where p.id = any ($4::int[]) order by p.id for share
  ), counted as (
    insert into bot_suspects as s (channel, account, inbound_id, partition, deaths, code, reason)
    select channel, account, inbound_id, partition, 1, code, reason
    from told join owner on owner.id = told.partition and owner.epoch = told.epoch
    order by channel, account, inbound_id
    on conflict (channel, account, inbound_id) do update
      set deaths = s.deaths + 1, partition = excluded.partition, code = excluded.code, reason = excluded.reason,
        died_at = now()
    returning channel, account, inbound_id, deaths
  )
  select told.channel, told.account, told.inbound_id as "inboundId", counted.deaths
  from told left join counted using (channel, account, inbound_id)`;

const forgetTurns = `
  delete from bot_suspects s using unnest($1::text[], $2::text[], $3::text[]) as over (channel, account, inbound_id)
  where (s.channel, s.account, s.inbound_id) = (over.channel, over.account, over.inbound_id)`;

type Told = Suspect & { readonly claim: PartitionClaim };
type Named = Pick<Suspect, "channel" | "account" | "inboundId">;

export function createSuspectStore(database: Database): SuspectStore {
  const batches = { lanes: 1, sizeMax: 1_000 };
  const counts = createBatcher<Told, number | "stale-owner">({
    ...batches,
    keyOf,
    async run(items) {
      const rows = await database.query<Named & { deaths: number | null }>(countDeaths, [
        ...namesOf(items),
        items.map(({ claim }) => claim.partition),
        items.map(({ claim }) => claim.epoch),
        items.map(({ code }) => code),
        items.map(({ reason }) => storableText(reason).slice(0, reasonMax).toWellFormed()),
      ]);
      const deaths = new Map(rows.map((row) => [keyOf(row), row.deaths]));
      return items.map((item) => deaths.get(keyOf(item)) ?? "stale-owner");
    },
  });
  const ends = createBatcher<Named, null>({
    ...batches,
    keyOf,
    async run(items) {
      await database.query(forgetTurns, [...namesOf(items)]);
      return items.map(() => null);
    },
  });

  return {
    read: (partition) => database.query<Named>(readSuspects, [partition]),
    count: (suspect, claim) => counts.add({ ...suspect, claim }),
    async forget(turn) {
      await ends.add(turn);
    },
  };
}

const namesOf = (items: readonly Named[]): readonly (readonly string[])[] => [
  items.map(({ channel }) => channel),
  items.map(({ account }) => account),
  items.map(({ inboundId }) => storableText(inboundId)),
];

const keyOf = ({ channel, account, inboundId }: Named): string =>
  `${channel}\n${account}\n${storableText(inboundId)}`;
