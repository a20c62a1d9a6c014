import { ControlError } from "../control-error.ts";
import type { MailboxMessage, User } from "../model.ts";
import { serviceUserId } from "../model.ts";
import type { MarkupButton } from "../markup.ts";
import { buttonsOf } from "../markup.ts";
import type { Users } from "../users.ts";

/** A user by id, or by username with or without `@`. */
export type PeerName = bigint | string;

/** @throws ControlError UNKNOWN_USER */
export function findUser(users: Users, name: PeerName): User {
  const user =
    typeof name === "bigint"
      ? users.get(name)
      : /^\d+$/.test(name)
        ? users.get(BigInt(name))
        : users.byUsername(name);
  if (user === undefined) {
    throw new ControlError(
      "UNKNOWN_USER",
      404,
      `there is no user ${name}; create one first, or give the numeric id or the username of one`,
    );
  }
  return user;
}

/** @throws ControlError SERVICE_ACCOUNT for Telegram's own account, which no user may write with */
export function refuseServiceAccount(user: User): void {
  if (user.id !== serviceUserId) return;
  throw new ControlError(
    "SERVICE_ACCOUNT",
    409,
    "Telegram's service account cannot be played; create a user and act as that one",
  );
}

/** A button by its text, or the callback data itself. */
export type ButtonChoice = { readonly data: Uint8Array } | { readonly button: string };

/** Selects a button of a message; `peer`, if given, must be the message's chat. */
export type ButtonPress = ButtonChoice & {
  readonly messageId: number;
  readonly peer?: PeerName | undefined;
};

/** @throws ControlError UNKNOWN_MESSAGE, UNKNOWN_BUTTON or NOT_A_CALLBACK_BUTTON */
export function chosenData(user: User, press: ButtonPress, peerId: bigint | undefined): Buffer {
  const message = user.mailbox.messages.get(press.messageId);
  if (message === undefined || (peerId !== undefined && message.peerId !== peerId)) {
    throw new ControlError(
      "UNKNOWN_MESSAGE",
      404,
      `user ${user.id} has no message ${press.messageId} there; list the messages to see their ids`,
    );
  }
  if ("data" in press) return Buffer.from(press.data);
  const found = buttonNamed(message, press.button);
  if (found.data === undefined) {
    throw new ControlError(
      "NOT_A_CALLBACK_BUTTON",
      409,
      `the button "${press.button}" sends text; send that text as the user instead of pressing`,
    );
  }
  return found.data;
}

function buttonNamed(message: MailboxMessage, text: string): MarkupButton {
  const buttons = buttonsOf(message.replyMarkup).flat();
  const found = buttons.find((button) => button.text === text);
  if (found !== undefined) return found;
  const names = buttons.map((button) => `"${button.text}"`).join(", ");
  throw new ControlError(
    "UNKNOWN_BUTTON",
    404,
    `message ${message.id} has no button "${text}"; it has ${names === "" ? "none" : names}`,
  );
}
