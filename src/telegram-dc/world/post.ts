import type { Connection, TlObject } from "../seam.ts";
import { type Clock, dateSeconds } from "./clock.ts";
import type { WorldConfig } from "./config.ts";
import type { LedgerWriter } from "./ledger/ledger.ts";
import type { Placed } from "./mailbox.ts";
import { appendMessage, appendUpdate } from "./mailbox.ts";
import type { MailboxMessage, User } from "./model.ts";
import type { Pushes } from "./pushes.ts";
import { tlMessage, tlUpdates, tlUsersOf } from "./render.ts";
import { createTopic, type Topic } from "./topic.ts";
import type { Users } from "./users.ts";

/** A message on its way. */
interface Letter {
  readonly from: User;
  readonly to: User;
  readonly text: string;
  readonly media?: TlObject | undefined;
  readonly entities?: readonly TlObject[] | undefined;
  readonly replyMarkup?: TlObject | undefined;
  /** Id of the answered message, in the sender's message box. */
  readonly replyToId?: number | undefined;
  readonly randomId?: bigint | undefined;
  /** The sending key and connection. That connection gets no push: its answer says it all. */
  readonly authKeyId?: string | undefined;
  readonly connection?: Connection | undefined;
}

/** A message in a user's message box. */
interface Delivery {
  readonly user: User;
  readonly message: MailboxMessage;
}

/** Puts messages and changes into message boxes, writes the ledger and pushes. */
export interface Post {
  /** Returns the sender's copy. */
  send(letter: Letter): Placed;
  /** Numbers a change of the user's message box and pushes it; returns the update with its pts. */
  change(user: User, update: TlObject, ptsCount: number, except?: Connection): TlObject;
  readonly delivered: Topic<Delivery>;
  readonly edited: Topic<Delivery>;
  originIdLast(): number;
  restoreOriginId(originId: number): void;
}

export interface PostDeps {
  readonly clock: Clock;
  readonly config: WorldConfig;
  readonly users: Users;
  readonly ledger: LedgerWriter;
  readonly pushes: Pushes;
}

export function createPost(deps: PostDeps): Post {
  const { clock, config, users, ledger, pushes } = deps;
  const delivered = createTopic<Delivery>();
  const edited = createTopic<Delivery>();
  let originIdLast = 0;

  function place(letter: Letter, owner: User, originId: number): Placed {
    const isOutgoing = owner === letter.from;
    const replied =
      letter.replyToId === undefined
        ? undefined
        : letter.from.mailbox.messages.get(letter.replyToId);
    return appendMessage(
      owner.mailbox,
      {
        originId,
        isOutgoing,
        fromId: letter.from.id,
        peerId: isOutgoing ? letter.to.id : letter.from.id,
        dateS: dateSeconds(clock),
        text: letter.text,
        media: letter.media,
        entities: letter.entities,
        replyMarkup: letter.replyMarkup,
        replyToId:
          replied === undefined ? undefined : owner.mailbox.idByOrigin.get(replied.originId),
        editDateS: undefined,
      },
      config.differenceGapMax,
    );
  }

  function announce(owner: User, placed: Placed, except: Connection | undefined): void {
    const { message, pts } = placed;
    const update: TlObject = {
      _: "updateNewMessage",
      message: tlMessage(message),
      pts,
      pts_count: 1,
    };
    const mentioned = tlUsersOf(users, owner.id, [message.fromId, message.peerId]);
    pushes.toUser(owner.id, tlUpdates([update], mentioned, message.dateS), except);
    delivered.publish({ user: owner, message });
  }

  return {
    delivered,
    edited,
    originIdLast: () => originIdLast,
    restoreOriginId(originId) {
      originIdLast = Math.max(originIdLast, originId);
    },
    send(letter) {
      const originId = ++originIdLast;
      const sent = place(letter, letter.from, originId);
      const received = letter.to === letter.from ? sent : place(letter, letter.to, originId);
      ledger.messageAccepted({
        originId,
        atMs: clock.nowMs(),
        fromId: letter.from.id,
        toId: letter.to.id,
        fromMessageId: sent.message.id,
        toMessageId: received.message.id,
        text: letter.text,
        randomId: letter.randomId,
        authKeyId: letter.authKeyId,
      });
      announce(letter.from, sent, letter.connection);
      if (received !== sent) announce(letter.to, received, undefined);
      return sent;
    },
    change(user, update, ptsCount, except) {
      const numbered = appendUpdate(user.mailbox, update, ptsCount, config.differenceGapMax);
      const self = tlUsersOf(users, user.id, []);
      pushes.toUser(user.id, tlUpdates([numbered], self, dateSeconds(clock)), except);
      return numbered;
    },
  };
}
