/** Which Telegram user each account is. Hides SQL. Errors: ACCOUNT_UNKNOWN, DATABASE_UNAVAILABLE. */
export interface IdentityStore {
  /** Decimal; null until a login or a connect has shown it. */
  telegramUser(account: string): Promise<string | null>;
  /** Writes the user down where none stands yet. Answers the one that stands now. */
  learnTelegramUser(account: string, userId: string): Promise<string>;
}
