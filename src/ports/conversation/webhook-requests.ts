/**
 * The signed texts that were taken. A provider's signature does not say where one field ends and the next begins, so
 * that one captured request can be cut into others. Hides Postgres.
 */
export interface WebhookRequests {
  /**
   * The id under which the text with this digest was first taken; the given one, kept for ever, where it is new.
   * @param digest 32 bytes of the signed text, as hex
   */
  firstId(digest: string, inboundId: string): Promise<string>;
}
