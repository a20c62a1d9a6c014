import type { PartitionClaim } from "./conversation-store.ts";
import type { InboundItem } from "./inbound-stream.ts";

/** A message whose turn could not succeed. */
export interface ParkedItem {
  readonly id: string;
  /** The code of the error that it failed with, then a colon and its line. */
  readonly reason: string;
  readonly at: string;
  /** null: it was no inbound item. */
  readonly item: InboundItem | null;
}

/** Which parked messages; each bound that is missing bounds nothing. */
export interface ParkedQuery {
  readonly accounts: "all" | readonly string[];
  /** The code at the beginning of the reason. */
  readonly code?: string | undefined;
  /** ISO 8601: set aside by then. */
  readonly until?: string | undefined;
}

/** The place of a parked message in the list, for the page behind it. */
export const placeOfParked = ({ at, id }: Pick<ParkedItem, "at" | "id">): string => `${at} ${id}`;

/** Which message, and which repetition of it. */
export interface AsideName {
  readonly channel: string;
  readonly account: string;
  readonly inboundId: string;
  /** As in `InboundItem`. */
  readonly replay?: string;
}

export interface AsideWhy {
  readonly code: string;
  readonly reason: string;
}

/** What came of parking a turn. */
export type Parking =
  | "parked"
  /** The turn took effect. */
  | "taken"
  | "stale-owner";

/** Turns that were set aside until a person replays them. Hides SQL. Errors: DATABASE_UNAVAILABLE, DATABASE_REFUSES. */
export interface ParkedStore {
  /** Under the owner's epoch, and only where the turn took no effect; a turn stands here once, with its last reason. */
  park(item: InboundItem, why: AsideWhy, claim: PartitionClaim): Promise<Parking>;
  /** The turns of one partition that were set aside in the last day, the newest first. */
  newest(partition: number, limit: number): Promise<readonly (AsideName & AsideWhy)[]>;
  /**
   * Keeps what can take no turn. An item stands here once, as a turn does; for anything else `source` names where it
   * came from, so that it is kept once.
   */
  keep(found: {
    readonly source: string;
    readonly data: string;
    readonly item: InboundItem | null;
    readonly reason: string;
  }): Promise<void>;
  /** The newest first; `before`: those behind that place. */
  list(
    of: ParkedQuery & { readonly limit: number; readonly before?: string | undefined },
  ): Promise<readonly ParkedItem[]>;
  /** Those that can be replayed, in the order in which they were set aside: each user's own. */
  replayable(
    of: ParkedQuery & { readonly limit: number; readonly id?: string },
  ): Promise<readonly (ParkedItem & { readonly item: InboundItem })[]>;
  /** Unless it was set aside anew since it was read. */
  remove(parked: Pick<ParkedItem, "id" | "at">): Promise<void>;
  count(of: ParkedQuery): Promise<number>;
  /** ISO 8601, by the clock that stamps the messages. */
  now(): Promise<string>;
}
