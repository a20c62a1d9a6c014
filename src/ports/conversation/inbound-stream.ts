import type { ChannelName } from "./channel.ts";
import type { Media } from "../telegram/media.ts";
import type { ChatPeer } from "../telegram/telegram.ts";
import type { Writer } from "../telegram/writer.ts";
import type { Positions } from "./stream-state.ts";

/** One thing a chat user did, on its way to a turn. */
export interface InboundItem {
  readonly channel: ChannelName;
  readonly account: string;
  readonly chatUser: string;
  readonly peer: ChatPeer;
  /**
   * Durable and unique per channel and account: `m:<message id>`, or `tap:<message id>:<data>#<press id>`. A second
   * tap in haste carries the id of the first. `undelivered:<reply>` for what is no act of the user.
   */
  readonly inboundId: string;
  /** `undeliverable`: a reply to the user was given up; `text` is the reply's. */
  readonly kind: "text" | "tap" | "undeliverable";
  readonly text: string;
  /** Why a reply was undeliverable; absent for all else. */
  readonly code?: string;
  /** Files that came with it; absent for none. */
  readonly media?: readonly Media[];
  /** A bot, or an account of this fleet: answered only by a bot that says so; absent for a person. */
  readonly sender?: "bot" | "fleet";
  /** What the channel tells of the chat user; absent for nothing, and in items of earlier versions. */
  readonly from?: Writer;
  /** When it was written, by the channel's clock, milliseconds since 1970; absent where that is not told. */
  readonly writtenAtMs?: number;
  /** Wall clock of receipt, milliseconds. */
  readonly receivedAtMs: number;
  /** Names the repetition that a person asked for after it was set aside; absent for what came by itself. */
  readonly replay?: string;
}

export interface InboundDelivery {
  readonly item: InboundItem;
  /** Place in the stream, rising: also where the stream has lost what it had and counts anew. */
  readonly position: number;
  /** The turn is committed. Should the stream not hear of it, it delivers again, and the store knows the item. */
  done(): void;
  /** Deliver again later. */
  retry(delayMs: number): void;
}

/** More items than any message of the stream holds: the positions of its items follow each other. */
export const positionsPerMessage = 1000;

/** The stream's message that an item came in; the items of one are acknowledged together. */
export const messageOf = (position: number): number => Math.floor(position / positionsPerMessage);

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
  /** It can never succeed: parks it with the reason. Rejects while it cannot be kept, and stays open. */
  park(reason: string): Promise<void>;
}

/**
 * The durable queue between holder and turns. Hides JetStream. `append` resolves when every item is
 * stored (deduplicated by account and inbound id within the stream's window; Postgres is the authority),
 * with the last position in each partition.
 */
export interface InboundStream {
  /** Delivers it again as if it were new, with `replay`. `id` names the repetition: the same twice is one. */
  appendAgain(item: InboundItem, id: string): Promise<void>;
  append(items: readonly InboundItem[]): Promise<Positions>;
  /**
   * Delivers in stream order; the returned function stops and waits. An earlier consumer of the same
   * partition receives nothing further. A message that comes again while its items are at work is not
   * delivered twice.
   */
  consume(options: {
    /** Only the chat users of this share; by default all. */
    readonly partition?: number;
    /** Every position is to be beyond this one; by default there is none before. */
    readonly after?: number;
    /** Messages at most whose items are not settled. */
    readonly inFlightMax: number;
    readonly onDelivery: (delivery: InboundDelivery) => void;
    /** By default a malformed item is parked, and one for a newer host is given back again and again. */
    readonly onUnread?: (delivery: UnreadDelivery) => void;
  }): Promise<() => Promise<void>>;
}
