import type { ChannelName } from "./channel.ts";
import type { Media } from "../telegram/media.ts";
import type { ChatPeer } from "../telegram/telegram.ts";

/** One thing a chat user did, on its way to a turn. */
export interface InboundItem {
  readonly channel: ChannelName;
  readonly account: string;
  readonly chatUser: string;
  readonly peer: ChatPeer;
  /**
   * Durable and unique per channel and account: `m:<message id>`, or `tap:<message id>:<data>`, so that double taps
   * are one.
   */
  readonly inboundId: string;
  readonly kind: "text" | "tap";
  readonly text: string;
  /** Files that came with it; absent for none. */
  readonly media?: readonly Media[];
  /** Wall clock of receipt, milliseconds. */
  readonly receivedAtMs: number;
}

export interface InboundDelivery {
  readonly item: InboundItem;
  /** Position in the stream, rising. */
  readonly position: number;
  /** The turn is committed. Should the stream not hear of it, it delivers again, and the store knows the item. */
  done(): void;
  /** Deliver again later. */
  retry(delayMs: number): void;
  /** It can never succeed: park it with the reason. Rejects while it cannot be kept, and stays open. */
  park(reason: string): Promise<void>;
}

/** The user and the act that an item is about: these fields stay the same in every version. */
export interface ItemName {
  readonly channel: string;
  readonly account: string;
  readonly chatUser: string;
  readonly inboundId: string;
}

/** An item that this host cannot read, for one of two reasons. */
export interface UnreadDelivery extends Omit<InboundDelivery, "item"> {
  /** A newer host can read it: its name; null: it is malformed. */
  readonly of: ItemName | null;
  readonly text: string;
}

/** A message whose turn could not succeed. */
export interface ParkedItem {
  readonly id: string;
  readonly reason: string;
  readonly at: string;
  /** null: it was no inbound item. */
  readonly item: InboundItem | null;
}

/**
 * The durable queue between holder and turns. Hides JetStream. `append` resolves when every item is
 * stored (deduplicated by account and inbound id within the stream's window; Postgres is the authority).
 */
export interface InboundStream {
  /** Parked messages, the newest first. */
  listParked(limit: number): Promise<readonly ParkedItem[]>;
  /** Delivers it again as if it were new. `false`: nothing was set aside under that id. */
  unpark(id: string): Promise<boolean>;
  append(items: readonly InboundItem[]): Promise<void>;
  /** Keeps among the parked what can take no turn. `source` names where it came from, so that it is kept once. */
  keep(found: {
    readonly source: string;
    readonly data: string;
    readonly item: InboundItem | null;
    readonly reason: string;
  }): Promise<void>;
  /**
   * Delivers in stream order; the returned function stops and waits. An earlier consumer of the same
   * partition receives nothing further. A message that comes again while its items are at work is not
   * delivered twice.
   */
  consume(options: {
    /** Only the chat users of this share; by default all. */
    readonly partition?: number;
    /** Messages at most whose items are not settled. */
    readonly inFlightMax: number;
    readonly onDelivery: (delivery: InboundDelivery) => void;
    /** By default a malformed item is parked, and one for a newer host is given back again and again. */
    readonly onUnread?: (delivery: UnreadDelivery) => void;
  }): Promise<() => Promise<void>>;
}
