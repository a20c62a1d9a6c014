import { HoldfastError } from "../errors.ts";
import type { Credentials } from "../ports/accounts/account-store.ts";
import type { TelegramSelf } from "../ports/telegram/telegram.ts";
import type { AccountWorld } from "./context.ts";

/** Where another person was seen; it decides what becomes of the key. */
type SeenAt = "made" | "imported" | "serving";

type World = Pick<AccountWorld, "account" | "accounts" | "kind">;

/**
 * Compares the user of a key that was just logged in with the account's own, before anything is done with the key.
 * The first login has the account's phone number, or the id in its token, in place of a stored user. Resolves with the
 * refusal: OTHER_KIND or OTHER_ACCOUNT; null where it is the account's own person.
 */
export async function otherPerson(
  { account, accounts, kind }: World,
  credentials: Credentials,
  self: TelegramSelf,
  at: "made" | "imported",
): Promise<HoldfastError | null> {
  if (self.isBot !== (kind === "bot")) return otherKind(account, self.isBot);
  const known = await accounts.telegramUser(account);
  const own = known === null ? ownBy(credentials, self) : ownById(known, self);
  const ownToken = credentials.kind === "bot" ? ownByToken(credentials.token, self) : null;
  const difference = own ?? ownToken;
  return difference === null ? null : otherAccount(account, difference, self, at);
}

/**
 * The same for a key that serves. An account from before this was stored takes the user of its serving key for its own,
 * once. Throws OTHER_ACCOUNT.
 */
export async function refuseStranger(
  { account, accounts }: World,
  self: TelegramSelf,
  stored: string | null,
): Promise<void> {
  const known = stored ?? (await accounts.learnTelegramUser(account, self.userId));
  const difference = ownById(known, self);
  if (difference !== null) throw otherAccount(account, difference, self, "serving");
}

/** True where another person's key was found. */
export const isOtherAccount = (error: unknown): boolean =>
  error instanceof HoldfastError && error.code === "OTHER_ACCOUNT";

/** Each answers what the account is instead; null where nothing differs. */
type Difference = string | null;

const ownById = (known: string, { userId }: TelegramSelf): Difference =>
  known === userId ? null : `is user ${known}`;

function ownBy(credentials: Credentials, self: TelegramSelf): Difference {
  // The token is compared at every login.
  if (credentials.kind === "bot" || credentials.phone === null) return null;
  if (self.phone === null) return "has a phone number, which Telegram does not tell of this user";
  const same = digitsOf(credentials.phone) === digitsOf(self.phone);
  return same ? null : "has another phone number";
}

/** A bot's token begins with its user id (https://core.telegram.org/bots/api#authorizing-your-bot). */
function ownByToken(token: string, { userId }: TelegramSelf): Difference {
  return token.split(":")[0] === userId ? null : "has the token of another bot";
}

const digitsOf = (phone: string): string => phone.replaceAll(/\D/g, "");

/** `own`: what the account is instead. */
type Refusal = (account: string, own: string, seen: string) => HoldfastError;

const refusals: Readonly<Record<SeenAt, Refusal>> = {
  made: (account, own, seen) =>
    new HoldfastError({
      code: "OTHER_ACCOUNT",
      message: `Telegram let ${seen} in, but ${account} ${own}. The key that was made for it never serves and is logged out.`,
      next: `Begin again as the person of ${account}; add another person under another name: npx holdfast add <name>`,
    }),
  imported: (account, own, seen) =>
    new HoldfastError({
      code: "OTHER_ACCOUNT",
      message: `The imported session is that of ${seen}, but ${account} ${own}. It is not used, and it is not logged out.`,
      next: `Log ${account} in as its own person: npx holdfast auth ${account}`,
    }),
  serving: (account, own, seen) =>
    new HoldfastError({
      code: "OTHER_ACCOUNT",
      message: `The key that served answers as ${seen}, but ${account} ${own}. Nothing is sent with it any more; it is not logged out.`,
      next: `Look at the devices of both in Telegram, then log it in: npx holdfast recover ${account}`,
    }),
};

const otherAccount = (account: string, own: string, seen: TelegramSelf, at: SeenAt) =>
  refusals[at](account, own, nameOf(seen));

/** By the id and the username; else by the first letter of the name. Never by the phone number. */
function nameOf({ userId, username, firstName }: TelegramSelf): string {
  if (username !== null && /^\w{1,64}$/.test(username)) return `user ${userId} (@${username})`;
  const initial = /^[\p{L}\p{N}]/u.exec(firstName ?? "")?.[0];
  return initial === undefined ? `user ${userId}` : `user ${userId} (${initial}…)`;
}

const otherKind = (account: string, isBot: boolean) =>
  new HoldfastError({
    code: "OTHER_KIND",
    message: `${account} is a ${isBot ? "bot" : "user"} at Telegram, and was added as a ${isBot ? "user" : "bot"}.`,
    next: "Add it again as what it is, under another name; a bot needs nothing but its token.",
  });
