import type { OutboxItem } from "./outbox-store.ts";

/** The ways by which chat users reach a bot. */
const channelNames = ["telegram", "webhook"] as const;
export type ChannelName = (typeof channelNames)[number];

export const isChannelName = (value: unknown): value is ChannelName =>
  channelNames.some((name) => name === value);

/** What one attempt at a reply came to. */
export type Delivery =
  /** `messageId`: under which the channel shows it; 0 where it tells none. */
  | { readonly kind: "sent"; readonly messageId: number; readonly readBack: boolean }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  /** Nothing may be sent for a while. `reached: false`: nothing of this reply has gone out, now or before. */
  | { readonly kind: "flood"; readonly waitSeconds: number; readonly reached: boolean }
  /** Nothing will ever be sent by this channel again. */
  | { readonly kind: "dead-key" }
  /** It may have arrived or not: only another attempt can tell. */
  | { readonly kind: "unknown"; readonly code: string; readonly message: string };

/**
 * How replies leave. Whoever sends keeps each chat's order, and settles what an attempt came to; a channel makes one
 * attempt, and sees to it that one whose earlier outcome is unknown (`item.attempted`) does not become two messages:
 * by reading back, or by an id under which the other side recognises it. What comes in becomes items of the stream.
 */
export interface Channel {
  /**
   * Never rejects: a fault of its own is an `unknown` outcome.
   * @param taken message ids of the same chat that were settled but may not be written yet; a message that is found or
   * sent is added
   */
  deliver(item: OutboxItem, taken: Set<number>): Promise<Delivery>;
}
