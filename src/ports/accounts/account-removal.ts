/** The end of an account, and the change of a bot's token. Hides SQL. Errors: ACCOUNT_UNKNOWN, DATABASE_UNAVAILABLE. */
export interface AccountRemoval {
  /**
   * Deletes an account that a person has stopped, with its keys, its settings and its conversations over Telegram. The
   * ledger of connections and the record of commands keep its name. Throws ACCOUNT_HELD where it is not stopped yet.
   */
  remove(name: string): Promise<void>;
  /** The token that the bot logs in with from now on. Throws OTHER_ACCOUNT where it is another bot's. */
  replaceToken(name: string, token: string): Promise<void>;
}
