import type { OutboxItem } from "./outbox-store.ts";

/** The ways by which chat users reach a bot. */
const channelNames = ["telegram", "webhook"] as const;
export type ChannelName = (typeof channelNames)[number];

export const isChannelName = (value: unknown): value is ChannelName =>
  channelNames.some((name) => name === value);

/** The outcome of one attempt at a reply. */
export type Delivery =
  /** `messageId`: under which the channel shows it; 0 where it tells none. */
  | { readonly kind: "sent"; readonly messageId: number; readonly readBack: boolean }
  /** This reply will never be taken; the chat's next one may be. */
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  /** It was not taken now, and is to be sent later. */
  | {
      readonly kind: "held";
      /** `account`: perhaps nothing may be sent to any chat; the sender tells it by what other chats meet. */
      readonly scope: "chat" | "account";
      /** null: the other side names no time. */
      readonly waitSeconds: number | null;
      /** `false`: nothing of this reply has gone out, now or before. */
      readonly reached: boolean;
      readonly code: string;
      readonly message: string;
    }
  /** Nothing will ever be sent by this channel again. */
  | { readonly kind: "dead-key" }
  /** It may have arrived or not: only another attempt can tell. */
  | { readonly kind: "unknown"; readonly code: string; readonly message: string };

/**
 * How replies leave. The sender keeps each chat's order and settles the outcomes; a channel makes
 * one attempt. After an unknown outcome (`item.attempted`) the channel prevents a second message:
 * it reads back, or sends under an id that the other side recognises. Inbound messages become items
 * of the stream.
 */
export interface Channel {
  /**
   * Never rejects: a fault of its own is an `unknown` outcome.
   * @param taken message ids of the same chat that were settled but perhaps not written yet; a
   * found or sent id is added
   */
  deliver(item: OutboxItem, taken: Set<number>): Promise<Delivery>;
}
