import type { Bot } from "../ports/conversation/bot.ts";
import type { LoadedSession } from "../ports/conversation/conversation-store.ts";
import type { InboundItem } from "../ports/conversation/inbound-stream.ts";
import type { AccountUpdate } from "../ports/telegram/telegram.ts";

/*
 * The one rule of whom a bot answers: people. Programs that answered each other would not stop by themselves.
 */

/** Why a message makes no turn at all; also the code that is counted. */
export type UnheardReason = "own" | "saved" | "deleted";

/** Why a message is kept and not answered; also the code that is counted. */
export type UnansweredReason = "no-bot" | NonNullable<InboundItem["sender"]>;

/**
 * Why nothing is to be made of an update; null: its sender is heard. The account's own messages come back with every
 * difference; Telegram does not call those outgoing that a person writes to their Saved Messages.
 */
export function unheard(update: AccountUpdate): UnheardReason | null {
  if (update.kind === "message" && update.outgoing) return "own";
  if (update.sender === "self") return "saved";
  return update.sender === "deleted" ? "deleted" : null;
}

/**
 * A sender who is answered only where the bot says so; undefined for a person.
 * @param isFleets the user is an account of this fleet
 */
export function markedSender(
  { sender, peer }: AccountUpdate,
  isFleets: (userId: string) => boolean,
): InboundItem["sender"] {
  if (isFleets(peer.userId)) return "fleet";
  return sender === "bot" ? "bot" : undefined;
}

/** Why this bot does not answer an item; null: it does. `bot` null: the account has none. */
export function unanswered(
  { sender }: Pick<InboundItem, "sender">,
  bot: Pick<Bot, "alsoAnswers"> | null,
): UnansweredReason | null {
  if (bot === null) return "no-bot";
  if (sender === undefined || bot.alsoAnswers?.includes(sender) === true) return null;
  return sender;
}

/** No turn for what the user did not say and the bot does not hear. */
export const isUnheard = (
  { kind }: InboundItem,
  bot: Pick<Bot, "hearsUndeliverable"> | null,
  { decision }: LoadedSession,
): boolean =>
  kind === "undeliverable" &&
  (bot?.hearsUndeliverable !== true || decision === "SESSION_WITH_HUMAN");
