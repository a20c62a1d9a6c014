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
   * are one; `undelivered:<reply>` for what is no act of the user.
   */
  readonly inboundId: string;
  /** `undeliverable`: a reply to the user was given up; `text` is the reply's. */
  readonly kind: "text" | "tap" | "undeliverable";
  readonly text: string;
  /** Why a reply was undeliverable; absent for all else. */
  readonly code?: string;
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
  /** It can never succeed: park it with the reason. */
  park(reason: string): Promise<void>;
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
  /**
   * Delivers in stream order, at most `inFlightMax` unsettled; the returned function stops and
   * waits. An earlier consumer of the same partition receives nothing further.
   */
  consume(options: {
    /** Only the chat users of this share; by default all. */
    readonly partition?: number;
    readonly inFlightMax: number;
    readonly onDelivery: (delivery: InboundDelivery) => void;
  }): Promise<() => Promise<void>>;
}
