import { plainText, withoutWrapping } from "./plain-text.ts";

/** The number of the bot, a colon, and the secret (https://core.telegram.org/bots/api#authorizing-your-bot). */
const tokenForm = /^\d{1,20}:[\w-]{1,200}$/;
/** A line of a shell or of a file with settings. */
const name = /^(?:export\s+)?\w+\s*=\s*/;
/** An address of the Bot API. */
const address = /^https?:\/\/[^/]+\/(?:file\/)?bot(?<token>[^/]+)(?:\/.*)?$/;

/** A bot's token, alone, in quotes, behind a variable's name or within an address of the Bot API; null: none. */
export function readBotToken(typed: string): string | null {
  const bare = withoutWrapping(plainText(typed).replace(name, ""));
  const token = address.exec(bare)?.groups?.["token"] ?? bare;
  return tokenForm.test(token) ? token : null;
}
