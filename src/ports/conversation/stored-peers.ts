/** The addresses of people whose conversations are stored. Hides SQL. */
export interface StoredPeers {
  /** The access hash under which that account last sent to that user of Telegram; null: it never did. */
  accessHash(account: string, userId: string): Promise<string | null>;
}
