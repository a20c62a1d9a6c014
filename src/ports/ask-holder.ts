/**
 * Asks the holder of an account, or any node, and answers with its JSON; hides how request and reply are kept from
 * other readers of NATS. Rejects where no answer comes within `timeoutMs`.
 */
export type AskHolder = (asked: {
  readonly subject: string;
  readonly body: object;
  readonly timeoutMs: number;
}) => Promise<unknown>;
