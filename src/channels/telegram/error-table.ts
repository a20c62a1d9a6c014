import type { TelegramFault } from "../../ports/telegram/telegram.ts";

/** Whom an error of a send concerns, and what is done about it. */
export type Remedy =
  /** Telegram will never take this reply; the chat's next one may be another matter. */
  | { readonly scope: "reply"; readonly action: "fail" }
  /** The buttons are at fault: the text goes without them. */
  | { readonly scope: "reply"; readonly action: "send-plain" }
  /** The chat is addressed wrongly: its address is fetched once. */
  | { readonly scope: "reply"; readonly action: "fetch-peer" }
  /** Telegram knows this `random_id`: the reply has arrived. */
  | { readonly scope: "reply"; readonly action: "arrived" }
  | { readonly scope: "chat"; readonly action: "hold" | "retry" }
  | { readonly scope: "account"; readonly action: "hold" }
  | { readonly scope: "key"; readonly action: "give-up" };

const fail = { scope: "reply", action: "fail" } as const;
const plain = { scope: "reply", action: "send-plain" } as const;
const peer = { scope: "reply", action: "fetch-peer" } as const;
const holdChat = { scope: "chat", action: "hold" } as const;
const holdAccount = { scope: "account", action: "hold" } as const;

/**
 * By Telegram's names (https://core.telegram.org/api/errors, and the errors of messages.sendMessage). A `*` stands for
 * any ending. What is not here follows its number: 4xx fails the reply, 5xx holds the chat, and what ends a key ends
 * it.
 */
const sendErrors: Readonly<Record<string, Remedy>> = {
  RANDOM_ID_DUPLICATE: { scope: "reply", action: "arrived" },

  USER_IS_BLOCKED: fail,
  YOU_BLOCKED_USER: fail,
  INPUT_USER_DEACTIVATED: fail,
  USER_IS_BOT: fail,
  PRIVACY_PREMIUM_REQUIRED: fail,
  CHAT_WRITE_FORBIDDEN: fail,
  MESSAGE_EMPTY: fail,
  MESSAGE_TOO_LONG: fail,
  ENTITY_BOUNDS_INVALID: fail,

  REPLY_MARKUP_INVALID: plain,
  REPLY_MARKUP_TOO_LONG: plain,
  REPLY_MARKUP_BUY_EMPTY: plain,
  "BUTTON_*": plain,

  PEER_ID_INVALID: peer,
  USER_ID_INVALID: peer,
  CHAT_ID_INVALID: peer,
  ACCESS_HASH_INVALID: peer,
  PEER_ID_NOT_SUPPORTED: fail,

  SLOWMODE_WAIT: holdChat,
  CHAT_SEND_PLAIN_FORBIDDEN: holdChat,

  FLOOD_WAIT: holdAccount,
  FLOOD_PREMIUM_WAIT: holdAccount,
  PEER_FLOOD: holdAccount,
  "FROZEN_*": holdAccount,
  USER_RESTRICTED: holdAccount,
  CONNECTION_NOT_INITED: holdAccount,
  CONNECTION_LAYER_INVALID: holdAccount,
  CONNECTION_API_ID_INVALID: holdAccount,
  API_ID_INVALID: holdAccount,
  "MSG_WAIT_*": holdAccount,
  SESSION_PASSWORD_NEEDED: holdAccount,
  "USER_MIGRATE*": holdAccount,
  "PHONE_MIGRATE*": holdAccount,
  "NETWORK_MIGRATE*": holdAccount,
  // The driver's name for the three above.
  OTHER_DATA_CENTRE: holdAccount,
  BOT_METHOD_INVALID: holdAccount,
  INPUT_METHOD_INVALID: holdAccount,
  "ALLOW_PAYMENT_REQUIRED*": fail,
};

const endings = Object.entries(sendErrors)
  .filter(([name]) => name.endsWith("*"))
  .map(([name, remedy]) => [name.slice(0, -1), remedy] as const);

/** The remedy for what a send was answered. */
export function remedyFor({ code, kind }: Pick<TelegramFault, "code" | "kind">): Remedy {
  if (kind === "dead-key") return { scope: "key", action: "give-up" };
  if (Object.hasOwn(sendErrors, code)) return sendErrors[code]!;
  const [, remedy] = endings.find(([start]) => code.startsWith(start)) ?? [];
  if (remedy !== undefined) return remedy;
  switch (kind) {
    // Telegram's other waits name a method or a chat.
    case "flood":
      return holdChat;
    case "password-needed":
      return holdAccount;
    case "unknown":
      return { scope: "chat", action: "retry" };
    case "refused":
      return fail;
  }
}
