import type { Reason } from "../../../machines/lifecycle.ts";
import type { ServingKey } from "../../ports/accounts/account-store.ts";
import { faultReason, TelegramError } from "../../ports/telegram/telegram-error.ts";
import type { Account } from "../account.ts";

/** The code of a renewal that was not begun, because a person has to do something for it. */
export const personNeeded = "PERSON_NEEDED";

/** Telegram's answers that only a person can do something about. */
const personCodes: ReadonlySet<string> = new Set([
  personNeeded,
  "CODE_NOT_IN_APP",
  "CODE_WAY_UNKNOWN",
  "EMAIL_SETUP_REQUIRED",
  "PHONE_UNKNOWN",
  "PASSWORD_HASH_INVALID",
]);

/** Whether an attempt failed for want of a person, who has not acted since. */
export const waitsForPerson = ({ failed, hasPassword }: ServingKey): boolean =>
  failed !== null &&
  personCodes.has(failed.reason.code) &&
  !(failed.reason.code === personNeeded && hasPassword);

/**
 * Asks over the connection that serves what stands against a renewal that no person looks after, before anything is
 * asked of Telegram for it: a 2FA password that is not kept, or a wait that Telegram asks for. null: nothing. Throws
 * what says nothing about the account.
 */
export async function whatStandsAgainst(
  account: Pick<Account, "use">,
  { kind, hasPassword }: Pick<ServingKey, "kind" | "hasPassword">,
): Promise<Reason | null> {
  if (kind === "bot" || hasPassword) return null;
  try {
    const hint = await account.use((client) => client.passwordHint(), { sends: false });
    return hint === null ? null : passwordNotKept;
  } catch (error) {
    const asksForPatience = error instanceof TelegramError && error.fault.waitSeconds !== undefined;
    if (!asksForPatience) throw error;
    return faultReason(error);
  }
}

const passwordNotKept: Reason = {
  code: personNeeded,
  message: "the account has a 2FA password that is not kept, so a person has to type it",
};
