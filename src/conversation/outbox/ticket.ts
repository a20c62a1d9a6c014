import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import type { InboundItem } from "../../ports/conversation/inbound-stream.ts";

/**
 * Replies on their way past the store: those claimed in their turn's commit go to the sender at
 * once.
 */
export interface ReplyTicket {
  /** The commit has claimed these: in order for each chat. */
  hand(items: readonly OutboxItem[]): void;
  /** It is not known, or was not for a while, whether the commit has claimed them: the sender looks for itself. */
  lose(): void;
}

/** A ticket with the grant under which the turn's commit claims its replies. */
export interface GrantedTicket extends ReplyTicket {
  readonly grant: GrantRef;
}

/** The replies of one account, on one channel. */
type Source = Pick<InboundItem, "channel" | "account">;

/** Of one of its chats. */
export type ChatOfSource = Source & Pick<InboundItem, "chatUser">;

/** A sender's answer to a turn that is about to commit; null: not now, the sender claims the replies itself. */
export type Offer<Ticket extends ReplyTicket = GrantedTicket> = (of: ChatOfSource) => Ticket | null;

/** Where the senders of a process and its turns meet: one offer for each account of a channel. */
export interface ReplyDesk {
  /**
   * Leaves a sender's offer in place of an earlier one. The returned function takes this one back, and no later one.
   */
  leave(of: Source, offer: Offer): () => void;
  /** A ticket for a turn that is about to commit; null: no sender here takes its replies now. */
  ask(of: ChatOfSource): GrantedTicket | null;
}

/** Asked once for each turn: it looks up, and makes nothing. */
export function createReplyDesk(): ReplyDesk {
  const offers = new Map<string, Map<string, Offer>>();

  function offersOf(channel: string): Map<string, Offer> {
    const found = offers.get(channel) ?? new Map<string, Offer>();
    offers.set(channel, found);
    return found;
  }

  return {
    leave({ channel, account }, offer) {
      const ofChannel = offersOf(channel);
      ofChannel.set(account, offer);
      return () => {
        if (ofChannel.get(account) === offer) ofChannel.delete(account);
      };
    },
    ask: (of) => offers.get(of.channel)?.get(of.account)?.(of) ?? null,
  };
}

/** Sends the replies of one source, as the outbox sender does. */
export interface OutboxWork {
  /** Resolves when the found replies have been claimed. Never rejects: failures are retried. */
  start(): Promise<void>;
  pause(): void;
  resume(): void;
  /** New replies were committed. `stranded`: some, claimed long ago, are still to be settled. */
  notify(stranded?: boolean): void;
  /** After a reconnect: settles the sends whose outcome the broken wire left unknown. Never rejects. */
  recover(): Promise<void>;
  /** Resolves when no call is in flight and nothing more can be sent for now. Never rejects. */
  quiet(): Promise<void>;
  /** Sends nothing new; resolves when the calls in flight have ended and their outcomes are written. */
  stop(): Promise<void>;
}
