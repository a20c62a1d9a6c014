import type { ConversationStore } from "../../ports/conversation/conversation-store.ts";
import type { Database } from "./database.ts";

type PartitionStore = Pick<
  ConversationStore,
  "claimPartition" | "releasePartition" | "releaseUnanswered" | "partitionOwner"
>;

/** Owners of partitions, each with the epoch that its commits carry. */
export function createPartitionStore(database: Database): PartitionStore {
  return {
    async claimPartition(partition, owner) {
      const [row] = await database.query<{ epoch: string }>(
        `insert into partitions (id, epoch, owner) values ($1, 1, $2)
         on conflict (id) do update set epoch = partitions.epoch + 1, owner = $2, claimed_at = now()
         returning epoch`,
        [partition, owner],
      );
      return { partition, epoch: Number(row!.epoch) };
    },
    async releasePartition({ partition, epoch }) {
      await database.query("update partitions set owner = null where id = $1 and epoch = $2", [
        partition,
        epoch,
      ]);
    },
    async releaseUnanswered(partition, owner) {
      await database.query("update partitions set owner = null where id = $1 and owner = $2", [
        partition,
        owner,
      ]);
    },
    async partitionOwner(partition) {
      const [row] = await database.query<{ owner: string | null }>(
        "select owner from partitions where id = $1",
        [partition],
      );
      return row?.owner ?? null;
    },
  };
}
