import type { StepStore } from "../../ports/conversation/step-store.ts";
import { storableJson, storableText } from "../../ports/conversation/storable-text.ts";
import type { Database } from "./database.ts";

export function createStepStore(database: Database): StepStore {
  return {
    async find({ channel, account, inboundId }, name) {
      const [row] = await database.query<{ result: unknown }>(
        `select result from turn_steps
         where channel = $1 and account = $2 and inbound_id = $3 and name = $4`,
        [channel, account, storableText(inboundId), name],
      );
      return row?.result;
    },
    async keep({ channel, account, inboundId }, name, result) {
      const [row] = await database.query<{ result: unknown }>(
        `insert into turn_steps (channel, account, inbound_id, name, result) values ($1, $2, $3, $4, $5)
         on conflict (channel, account, inbound_id, name) do update set result = turn_steps.result
         returning result`,
        [channel, account, storableText(inboundId), name, storableJson(result ?? null)],
      );
      return row!.result;
    },
    async clear(olderThanMs) {
      await database.query(
        "delete from turn_steps where created_at < now() - $1 * interval '1 millisecond'",
        [olderThanMs],
      );
    },
  };
}
