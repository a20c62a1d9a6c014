import { ControlError } from "./control-error.ts";
import type { Fault, FaultSpec } from "./faults.ts";
import { killKeys } from "./kill-key.ts";
import type { LoginCode } from "./login-codes.ts";
import { rememberRandomId } from "./mailbox.ts";
import { acceptLoginToken } from "./methods/auth-other.ts";
import type { AuthKeyRecord, MailboxMessage, User } from "./model.ts";
import type { ButtonPress, PeerName } from "./phone-lookup.ts";
import { chosenData, findUser, refuseServiceAccount } from "./phone-lookup.ts";
import { listMessages, firstMessage, toPhoneMessage } from "./phone-messages.ts";
import type { MessageFilter, PhoneMessage } from "./phone-messages.ts";
import { RpcError } from "./rpc-error.ts";
import { codePoints } from "./text-length.ts";
import type { UserSpec } from "./users.ts";
import { optionalText } from "./tl-fields.ts";
import { firstOf } from "./waiting.ts";
import type { WorldParts } from "./world.ts";

/** An account as the phone shows it. */
export interface PhoneUser {
  readonly id: bigint;
  /** The access hash under which the account may address itself. */
  readonly accessHash: bigint;
  readonly phone: string | undefined;
  readonly username: string | undefined;
  readonly botToken: string | undefined;
}

/** A message that reached an account, or was changed there. */
export interface PhoneEvent {
  readonly kind: "message" | "edit";
  readonly userId: bigint;
  readonly message: PhoneMessage;
}

/** What the bot answered to a pressed button. */
export interface ButtonAnswer {
  readonly text: string | undefined;
  readonly isAlert: boolean;
  readonly url: string | undefined;
}

/** A session of an account: one logged-in key. */
export interface Authorisation {
  readonly authKeyId: string;
  readonly hash: bigint;
  readonly deviceModel: string;
  readonly createdAtMs: number;
  readonly activeAtMs: number;
  readonly address: string;
}

/**
 * Plays the people: creates accounts, reads codes, writes and presses as a user, orders faults.
 * Nothing here passes through MTProto; what it does reaches clients as Telegram's updates would.
 * Every method throws ControlError for a request that cannot be done, and then nothing has changed.
 */
export interface Phone {
  createUser(spec: UserSpec): PhoneUser;
  user(name: PeerName): PhoneUser;
  users(): PhoneUser[];
  /** The newest login code that has not expired. */
  readCode(name: PeerName): LoginCode | undefined;
  /** The next code issued, or the standing one; undefined after `waitMs`. */
  waitForCode(name: PeerName, waitMs: number): Promise<LoginCode | undefined>;
  /** Writes as the user. A repeated `randomId` changes nothing and returns the first message's id. */
  send(
    from: PeerName,
    message: { peer: PeerName; text: string; randomId?: bigint },
  ): {
    messageId: number;
  };
  /** Presses a button under a message. @throws ControlError BOT_RESPONSE_TIMEOUT when the bot stays silent */
  press(user: PeerName, press: ButtonPress): Promise<ButtonAnswer>;
  /** Messages of the account, oldest first. */
  messages(name: PeerName, filter?: MessageFilter): PhoneMessage[];
  /** The first incoming message after id `after`, there already or still to come; undefined after `waitMs`. */
  waitForMessage(
    name: PeerName,
    options: { after?: number; peer?: PeerName; waitMs: number },
  ): Promise<PhoneMessage | undefined>;
  authorisations(name: PeerName): Authorisation[];
  /** Scans a QR code as the user: the key that showed it may log in to the account. */
  acceptLoginToken(name: PeerName, token: Uint8Array): Authorisation;
  addFault(spec: FaultSpec): Fault;
  removeFault(id: number): boolean;
  clearFaults(): void;
  faults(): readonly Fault[];
  /** Every incoming message and every edit of every account; the returned function ends the subscription. */
  subscribe(listener: (event: PhoneEvent) => void): () => void;
}

export function createPhone(parts: WorldParts): Phone {
  const { users, post, codes, callbacks, authKeys, faults, clock, ledger, changed } = parts;
  const find = (name: PeerName): User => findUser(users, name);
  const toPhoneUser = (user: User): PhoneUser => ({
    id: user.id,
    accessHash: users.accessHash(user.id, user.id),
    phone: user.phone,
    username: user.username,
    botToken: user.botToken,
  });

  return {
    createUser(spec) {
      const user = users.add(spec);
      changed.publish();
      return toPhoneUser(user);
    },
    user: (name) => toPhoneUser(find(name)),
    users: () => [...users.all()].map(toPhoneUser),
    readCode: (name) => codes.latest(find(name).id),
    waitForCode(name, waitMs) {
      const user = find(name);
      return firstOf({
        clock,
        topic: codes.issued,
        already: () => codes.latest(user.id),
        pick: (code) => (code.userId === user.id ? code : undefined),
        waitMs,
      });
    },
    send(from, message) {
      const sender = find(from);
      const receiver = find(message.peer);
      refuseServiceAccount(sender);
      refuseText(message.text, parts.config.messageLengthMax);
      const randomKey = message.randomId === undefined ? undefined : `phone:${message.randomId}`;
      const before = randomKey === undefined ? undefined : sender.mailbox.randomIds.get(randomKey);
      if (before !== undefined) {
        ledger.duplicateRefused();
        return { messageId: before };
      }
      const { message: sent } = post.send({
        from: sender,
        to: receiver,
        text: message.text,
        randomId: message.randomId,
      });
      if (randomKey !== undefined) {
        rememberRandomId(sender.mailbox, randomKey, sent.id, parts.config.randomIdsMax);
      }
      changed.publish();
      return { messageId: sent.id };
    },
    async press(name, press) {
      const user = find(name);
      const peerId = press.peer === undefined ? undefined : find(press.peer).id;
      const data = chosenData(user, press, peerId);
      try {
        const answer = await callbacks.press(user, press.messageId, data);
        return {
          text: optionalText(answer, "message"),
          isAlert: answer["alert"] === true,
          url: optionalText(answer, "url"),
        };
      } catch (error) {
        throw pressError(error, press.messageId);
      }
    },
    messages: (name, filter) => listMessages(users, find(name), filter),
    waitForMessage(name, { after = 0, peer, waitMs }) {
      const user = find(name);
      const peerId = peer === undefined ? undefined : find(peer).id;
      const isWanted = (message: MailboxMessage): boolean =>
        !message.isOutgoing &&
        message.id > after &&
        (peerId === undefined || message.peerId === peerId);
      return firstOf({
        clock,
        topic: post.delivered,
        already: () => firstMessage(user, isWanted),
        pick: (delivery) =>
          delivery.user === user && isWanted(delivery.message)
            ? toPhoneMessage(delivery.message)
            : undefined,
        waitMs,
      });
    },
    authorisations: (name) => authKeys.ofUser(find(name).id).map(toAuthorisation),
    acceptLoginToken(name, token) {
      const user = find(name);
      try {
        return toAuthorisation(acceptLoginToken(parts, user, token));
      } catch (error) {
        throw tokenError(error);
      }
    },
    addFault: (spec) => (spec.kind === "kill-key" ? killKeys(parts, spec) : faults.add(spec)),
    removeFault: (id) => faults.remove(id),
    clearFaults() {
      faults.clear();
    },
    faults: () => faults.list(),
    subscribe(listener) {
      const ends = (["message", "edit"] as const).map((kind) =>
        (kind === "message" ? post.delivered : post.edited).subscribe(({ user, message }) => {
          if (message.isOutgoing) return;
          listener({ kind, userId: user.id, message: toPhoneMessage(message) });
        }),
      );
      return () => {
        for (const end of ends) end();
      };
    },
  };
}

function toAuthorisation(key: AuthKeyRecord): Authorisation {
  return {
    authKeyId: key.id,
    hash: key.authorisationHash ?? 0n,
    deviceModel: key.identity?.deviceModel ?? "",
    createdAtMs: key.authorisedAtMs ?? key.createdAtMs,
    activeAtMs: key.activeAtMs,
    address: key.address,
  };
}

function refuseText(text: string, lengthMax: number): void {
  if (text.trim() !== "" && codePoints(text) <= lengthMax) return;
  throw new ControlError(
    "BAD_TEXT",
    400,
    `nothing was sent: the text must have 1 to ${lengthMax} characters that are not all blank`,
  );
}

function pressError(error: unknown, messageId: number): unknown {
  if (!(error instanceof RpcError)) return error;
  if (error.text === "BOT_RESPONSE_TIMEOUT") {
    return new ControlError(
      error.text,
      504,
      "the bot did not answer in time; see that its process runs and answers callback queries",
      { cause: error },
    );
  }
  return new ControlError(
    error.text,
    409,
    `message ${messageId} has no buttons of a bot; press under a message that a bot sent with buttons`,
    { cause: error },
  );
}

function tokenError(error: unknown): unknown {
  if (!(error instanceof RpcError)) return error;
  return new ControlError(
    error.text,
    409,
    "the login token is unknown, expired or accepted already; ask the client for a new one",
    { cause: error },
  );
}
