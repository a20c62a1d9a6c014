import type { MenuStyle } from "../conversation/turns/menu.ts";
import type { OutboxSender } from "../conversation/outbox/sender.ts";
import type { ChannelName } from "../ports/conversation/channel.ts";
import type { ReplySender } from "../ports/conversation/conversation-store.ts";
import type { PartitionClaim } from "../ports/conversation/conversation-store.ts";
import type { InboundItem } from "../ports/conversation/inbound-stream.ts";

type Source = Pick<InboundItem, "channel" | "account">;

/** A channel as a node's turns see it. */
export interface ServedChannel {
  readonly name: ChannelName;
  /** How menus are shown to those who write to this account; null: the channel serves no such account. */
  styleOf(account: string): MenuStyle | null;
  /**
   * Sends the replies of a partition's users as its owner. `onLost`: another node owns the partition. Null: the
   * replies leave by the holder of the account's token.
   */
  readonly makeSender: ((claim: PartitionClaim, onLost: () => void) => OutboxSender) | null;
}

/** The senders of a partition owned here, one for each channel whose replies its owner sends. */
export interface PartitionSenders {
  /** Replies were committed. `false`: their sender is the holder of the account's token. */
  notify(channel: ChannelName): boolean;
  /** A person had replies of these channels sent again. */
  notifyAll(): void;
  /** Does not wait for the replies that an earlier owner left. */
  start(): void;
  /** Resolves when the sends in flight have ended. */
  stop(): Promise<void>;
}

/** The channels of a node, and which of them a message came by. */
export interface Channels {
  /** Those of this host's settings. */
  readonly names: readonly ChannelName[];
  /**
   * The chat's style of menus, and the sender of its replies; null: no channel of this node serves
   * that account.
   */
  placeOf(of: Source): { readonly style: MenuStyle; readonly sentBy: ReplySender } | null;
  makeSenders(claim: PartitionClaim, onLost: () => void): PartitionSenders;
}

/** @param all the configuration's channels; null: not configured */
export function createChannels(all: readonly (ServedChannel | null)[]): Channels {
  const channels = all.filter((channel) => channel !== null);
  const byName = new Map<string, ServedChannel>(channels.map((one) => [one.name, one]));

  return {
    names: channels.map(({ name }) => name),
    placeOf({ channel, account }) {
      const found = byName.get(channel);
      const style = found?.styleOf(account) ?? null;
      if (found === undefined || style === null) return null;
      return { style, sentBy: found.makeSender === null ? "holder" : "owner" };
    },
    makeSenders(claim, onLost) {
      const senders = new Map(
        channels.flatMap(({ name, makeSender }) =>
          makeSender === null ? [] : [[name, makeSender(claim, onLost)] as const],
        ),
      );
      return {
        notify(channel) {
          const sender = senders.get(channel);
          sender?.notify();
          return sender !== undefined;
        },
        notifyAll() {
          for (const sender of senders.values()) sender.notify();
        },
        start() {
          for (const sender of senders.values()) void sender.start();
        },
        async stop() {
          await Promise.all([...senders.values()].map((sender) => sender.stop()));
        },
      };
    },
  };
}
