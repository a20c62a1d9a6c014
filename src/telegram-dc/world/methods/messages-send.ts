import type { Connection, TlObject } from "../../seam.ts";
import type { AuthKeys } from "../auth-keys.ts";
import { type Clock, dateSeconds } from "../clock.ts";
import type { WorldConfig } from "../config.ts";
import type { Files } from "../files.ts";
import { tlMedia } from "../files.ts";
import type { LedgerWriter } from "../ledger/ledger.ts";
import { rememberRandomId } from "../mailbox.ts";
import { refuseBadMarkup } from "../markup.ts";
import type { AuthKeyRecord, MailboxMessage, User } from "../model.ts";
import { hasStarted, resolvePeer } from "../peers.ts";
import type { Post } from "../post.ts";
import { tlMessage, tlUpdates, tlUsersOf } from "../render.ts";
import { badRequest, RpcError } from "../rpc-error.ts";
import { codePoints } from "../text-length.ts";
import {
  intField,
  isTlObject,
  longField,
  objectField,
  optionalInt,
  optionalList,
  optionalObject,
  optionalText,
  textField,
} from "../tl-fields.ts";
import type { Users } from "../users.ts";
import { sentFile } from "./files.ts";
import type { Caller, MethodTable } from "./method.ts";

export interface SendingDeps {
  readonly clock: Clock;
  readonly config: WorldConfig;
  readonly users: Users;
  readonly authKeys: AuthKeys;
  readonly ledger: LedgerWriter;
  readonly post: Post;
  readonly files: Files;
}

/** Sending, editing, typing (https://core.telegram.org/method/messages.sendMessage, /method/messages.sendMedia). */
export function createSendingMethods(deps: SendingDeps): MethodTable {
  const { clock, config, users, authKeys, ledger, post, files } = deps;

  /**
   * The shared part of both ways to send a message; `media` is made only when everything else is
   * valid.
   */
  function send(
    caller: Caller,
    query: TlObject,
    refuseText: (text: string) => void,
    media?: () => TlObject,
  ) {
    const from = authKeys.requireUser(caller.key);
    const to = resolvePeer(users, from, objectField(query, "peer"));
    const randomId = longField(query, "random_id");
    const text = textField(query, "message");
    const replyMarkup = optionalObject(query, "reply_markup");
    refuseText(text);
    refuseReceiver(from, to);
    refuseMarkupFromPeople(from, replyMarkup);
    const randomKey = randomIdKey(config, caller.key, randomId);
    if (from.mailbox.randomIds.has(randomKey)) {
      ledger.duplicateRefused();
      throw new RpcError(500, "RANDOM_ID_DUPLICATE");
    }
    const { message: sent, pts } = post.send({
      from,
      to,
      text,
      media: media?.(),
      replyMarkup,
      entities: optionalList(query, "entities")?.filter(isTlObject),
      replyToId: replyTargetOf(query),
      randomId,
      authKeyId: caller.key.id,
      connection: caller.connection,
    });
    rememberRandomId(from.mailbox, randomKey, sent.id, config.randomIdsMax);
    return tlUpdates(
      [
        { _: "updateMessageID", id: sent.id, random_id: randomId },
        { _: "updateNewMessage", message: tlMessage(sent), pts, pts_count: 1 },
      ],
      tlUsersOf(users, from.id, [to.id]),
      sent.dateS,
    );
  }

  return {
    "messages.sendMessage": (caller, query) =>
      send(caller, query, (text) => refuseBadText(text, config)),
    "messages.sendMedia"(caller, query) {
      const input = objectField(query, "media");
      return send(
        caller,
        query,
        (caption) => refuseLongCaption(caption, config),
        () => tlMedia(sentFile(files, caller.key.id, input), config),
      );
    },
    "messages.editMessage"(caller, query) {
      const user = authKeys.requireUser(caller.key);
      resolvePeer(users, user, objectField(query, "peer"));
      const message = user.mailbox.messages.get(intField(query, "id"));
      if (message === undefined) throw badRequest("MESSAGE_ID_INVALID");
      if (!message.isOutgoing) throw new RpcError(403, "MESSAGE_AUTHOR_REQUIRED");
      const edit: Edit = {
        text: optionalText(query, "message") ?? message.text,
        replyMarkup: optionalObject(query, "reply_markup"),
        entities: optionalList(query, "entities")?.filter(isTlObject),
        editDateS: dateSeconds(clock),
      };
      if (message.media === undefined) refuseBadText(edit.text, config);
      else refuseLongCaption(edit.text, config);
      refuseMarkupFromPeople(user, edit.replyMarkup);
      if (changesNothing(edit, message)) throw badRequest("MESSAGE_NOT_MODIFIED");
      const own = applyEdit(deps, user, message, edit, caller.connection);
      return tlUpdates([own], tlUsersOf(users, user.id, [message.peerId]), edit.editDateS);
    },
    "messages.setTyping"(caller, query) {
      const user = authKeys.requireUser(caller.key);
      resolvePeer(users, user, objectField(query, "peer"));
      return true;
    },
  };
}

type Edit = Pick<MailboxMessage, "text" | "replyMarkup" | "entities"> & {
  readonly editDateS: number;
};

function changesNothing(edit: Edit, message: MailboxMessage): boolean {
  const markup = [edit.replyMarkup, message.replyMarkup].map((value) =>
    JSON.stringify(value, (_key, field: unknown) =>
      typeof field === "bigint" ? String(field) : field,
    ),
  );
  return edit.text === message.text && markup[0] === markup[1];
}

/** Changes both copies and tells both sides; returns the editor's own update. */
function applyEdit(
  deps: SendingDeps,
  user: User,
  message: MailboxMessage,
  edit: Edit,
  connection: Connection,
): TlObject {
  const change = (owner: User, copy: MailboxMessage): TlObject => {
    Object.assign(copy, edit);
    const update = { _: "updateEditMessage", message: tlMessage(copy) };
    const numbered = deps.post.change(owner, update, 1, connection);
    deps.post.edited.publish({ user: owner, message: copy });
    return numbered;
  };
  const peer = deps.users.get(message.peerId);
  const peerCopyId = peer?.mailbox.idByOrigin.get(message.originId);
  const peerCopy = peerCopyId === undefined ? undefined : peer?.mailbox.messages.get(peerCopyId);
  const own = change(user, message);
  if (peer !== undefined && peer !== user && peerCopy !== undefined) change(peer, peerCopy);
  return own;
}

function refuseBadText(text: string, config: WorldConfig): void {
  if (text.trim() === "") throw badRequest("MESSAGE_EMPTY");
  if (codePoints(text) > config.messageLengthMax) throw badRequest("MESSAGE_TOO_LONG");
}

/** A caption may be empty. */
function refuseLongCaption(text: string, config: WorldConfig): void {
  if (codePoints(text) > config.captionLengthMax) throw badRequest("MEDIA_CAPTION_TOO_LONG");
}

function refuseReceiver(from: User, to: User): void {
  if (to.deactivated !== undefined) throw badRequest("INPUT_USER_DEACTIVATED");
  if (!from.isBot) return;
  if (to.isBot && to !== from) throw badRequest("USER_IS_BOT");
  if (!hasStarted(from, to.id)) throw badRequest("PEER_ID_INVALID");
}

/** Only bots send buttons. */
function refuseMarkupFromPeople(from: User, replyMarkup: TlObject | undefined): void {
  if (replyMarkup === undefined) return;
  if (!from.isBot) throw badRequest("REPLY_MARKUP_INVALID");
  refuseBadMarkup(replyMarkup);
}

function randomIdKey(config: WorldConfig, key: AuthKeyRecord, randomId: bigint): string {
  return config.randomIdScope === "user" ? String(randomId) : `${key.id}:${randomId}`;
}

function replyTargetOf(query: TlObject): number | undefined {
  const replyTo = optionalObject(query, "reply_to");
  if (replyTo !== undefined) return optionalInt(replyTo, "reply_to_msg_id");
  return optionalInt(query, "reply_to_msg_id");
}
