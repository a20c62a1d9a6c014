import { HoldfastError } from "../../errors.ts";
import type { StepStore, TurnKey } from "../../ports/conversation/step-store.ts";
import { storableJson, storableText } from "../../ports/conversation/storable-text.ts";
import type { Database } from "./database.ts";
import { erasedSessionMark, isMarked, isTakenMessage } from "./taken-messages.ts";

/** Whether the partition is still the owner's, by its number and epoch; without an owner it is. */
const isOwned = (
  partition: string,
  epoch: string,
  lock = "",
) => `(${partition}::int is null or exists (
  select from partitions p where p.id = ${partition}::int and p.epoch = ${epoch}::bigint ${lock}))`;

const findStep = `
  select s.name is not null as is_known, s.result,
    ${isOwned("$5", "$6")} and not ${isTakenMessage("$1", "$2", "$3")} as may_go_on
  from (select) one left join turn_steps s
    on s.channel = $1 and s.account = $2 and s.inbound_id = $3 and s.name = $4`;

const keepStep = `
  insert into turn_steps (channel, account, inbound_id, name, result)
  select $1, $2, $3, $4, $5::json where ${isOwned("$6", "$7", "for share")} and not ${isTakenMessage("$1", "$2", "$3")}
  on conflict (channel, account, inbound_id, name) do update set result = turn_steps.result
  returning result`;

/** Where the session was erased, the message is marked, and what its runs have left goes. */
const takeOvertaken = `
  with erased as materialized (
    select 1 where ${isMarked(erasedSessionMark("$2", "$4"))} and ${isOwned("$5", "$6", "for share")}
  ), noted as (
    insert into taken_messages (mark, account_mark)
    select taken_mark($1, $2, $3), taken_account_mark($1, $2) from erased on conflict do nothing
  ), gone as (
    delete from turn_steps s using erased where (s.channel, s.account, s.inbound_id) = ($1, $2, $3)
  )
  select ${isTakenMessage("$1", "$2", "$3")} or exists (select from erased) as is_over`;

const clearSteps = `
  delete from turn_steps s where created_at < now() - $1 * interval '1 millisecond' and not exists (
    select from parked_turns p
    where (p.channel, p.account, p.inbound_id) = (s.channel, s.account, s.inbound_id))`;

export function createStepStore(database: Database): StepStore {
  return {
    async find(turn, name, claim) {
      const [row] = await database.query<{
        is_known: boolean;
        result: unknown;
        may_go_on: boolean;
      }>(findStep, [...keyOf(turn, name), claim?.partition, claim?.epoch]);
      if (row?.may_go_on !== true) throw refused(turn, name);
      return row.is_known ? row.result : undefined;
    },
    async keep(turn, name, result, claim) {
      const [row] = await database.query<{ result: unknown }>(keepStep, [
        ...keyOf(turn, name),
        storableJson(result ?? null),
        claim?.partition,
        claim?.epoch,
      ]);
      if (row === undefined) throw refused(turn, name);
      return row.result;
    },
    async mayRepeat({ channel, account, inboundId }, sessionId, { partition, epoch }) {
      const [row] = await database.query<{ is_over: boolean }>(takeOvertaken, [
        channel,
        account,
        storableText(inboundId),
        sessionId,
        partition,
        epoch,
      ]);
      return row?.is_over !== true;
    },
    async clear(olderThanMs) {
      await database.query(clearSteps, [olderThanMs]);
    },
  };
}

const keyOf = ({ channel, account, inboundId }: TurnKey, name: string): readonly string[] => [
  channel,
  account,
  storableText(inboundId),
  name,
];

const refused = ({ inboundId }: TurnKey, name: string) =>
  new HoldfastError({
    code: "STEP_REFUSED",
    message: `The step "${name}" of ${inboundId} is refused: the turn took effect already, or another host takes it.`,
    next: "Nothing is to be done: this run of the handler has no effect any more.",
  });
