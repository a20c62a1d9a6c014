import { ControlError } from "./control-error.ts";
import { type FileSpec, tlMedia } from "./files.ts";
import { rememberRandomId } from "./mailbox.ts";
import type { MailboxMessage, User } from "./model.ts";
import type { Phone } from "./phone/phone-port.ts";
import { chosenData, findUser, type PeerName, refuseServiceAccount } from "./phone-lookup.ts";
import { firstMessage, listMessages, toPhoneMessage } from "./phone-messages.ts";
import { RpcError } from "./rpc-error.ts";
import { codePoints } from "./text-length.ts";
import { optionalText } from "./tl-fields.ts";
import { firstOf } from "./waiting.ts";
import type { WorldParts } from "./parts.ts";

type PhoneTalk = Pick<Phone, "send" | "press" | "messages" | "waitForMessage">;

/** Writing, pressing and reading as a user. */
export function createPhoneTalk(parts: WorldParts): PhoneTalk {
  const { users, post, callbacks, clock } = parts;
  const find = (name: PeerName): User => findUser(users, name);

  return {
    send: (from, message) => sendAs(parts, find(from), find(message.peer), message),
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
  };
}

function sendAs(
  parts: WorldParts,
  sender: User,
  receiver: User,
  { text, randomId, file }: { text: string; randomId?: bigint; file?: FileSpec },
): { messageId: number } {
  const { post, ledger, config, changed, files } = parts;
  refuseServiceAccount(sender);
  if (file === undefined) refuseText(text, 1, config.messageLengthMax);
  else refuseText(text, 0, config.captionLengthMax);
  const randomKey = randomId === undefined ? undefined : `phone:${randomId}`;
  const before = randomKey === undefined ? undefined : sender.mailbox.randomIds.get(randomKey);
  if (before !== undefined) {
    ledger.duplicateRefused();
    return { messageId: before };
  }
  const media = file === undefined ? undefined : tlMedia(files.add(file), config);
  const { message: sent } = post.send({ from: sender, to: receiver, text, media, randomId });
  if (randomKey !== undefined) {
    rememberRandomId(sender.mailbox, randomKey, sent.id, config.randomIdsMax);
  }
  changed.publish();
  return { messageId: sent.id };
}

function refuseText(text: string, lengthMin: 0 | 1, lengthMax: number): void {
  const isLongEnough = lengthMin === 0 || text.trim() !== "";
  if (isLongEnough && codePoints(text) <= lengthMax) return;
  throw new ControlError(
    "BAD_TEXT",
    400,
    `nothing was sent: the text must have ${lengthMin} to ${lengthMax} characters${lengthMin === 0 ? "" : " that are not all blank"}`,
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
