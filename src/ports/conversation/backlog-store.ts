import type { ConversationKey, PartitionClaim } from "./conversation-store.ts";

/** An item's place among those of its user: by the stream's positions, and by id where two share one. */
export interface BacklogPlace {
  readonly position: number;
  readonly inboundId: string;
}

/** A user's item that waits in Postgres. */
export interface BacklogItem extends ConversationKey, BacklogPlace {
  /** As it stands in the stream; perhaps of a version that this host does not know. */
  readonly text: string;
}

/** A user who has items waiting in Postgres. */
export interface BacklogUser extends ConversationKey {
  readonly items: number;
  /** Position of the oldest, and of the newest. */
  readonly first: number;
  readonly last: number;
}

/** A user's next items: at most `limit` behind `after`. */
export interface BacklogRead {
  readonly key: ConversationKey;
  readonly after: BacklogPlace;
  readonly limit: number;
}

/**
 * Items of chat users who are behind, so that they do not fill the stream's window. Hides SQL. Only the
 * owner of a partition adds: an earlier owner's statement is refused (I6).
 */
export interface BacklogStore {
  /** The users of a partition who have items here. */
  users(partition: number): Promise<readonly BacklogUser[]>;
  /** All of them or none. One that stands here already stays as it is. `false`: a newer owner has the partition. */
  add(claim: PartitionClaim, items: readonly BacklogItem[]): Promise<boolean>;
  /** The next items of each of these users, in order. */
  read(partition: number, of: readonly BacklogRead[]): Promise<readonly (readonly BacklogItem[])[]>;
  /** Items that took effect, or are kept elsewhere. */
  remove(partition: number, items: readonly (ConversationKey & BacklogPlace)[]): Promise<void>;
}
