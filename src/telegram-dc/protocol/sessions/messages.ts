/** The fate of one message from a client. */
export interface Receipt {
  readonly messageId: bigint;
  readonly sequence: number;
  readonly isCall: boolean;
  /**
   * `taken`: nothing more follows, or the answer of a call that is not yet `running` is being made.
   */
  state: "taken" | "running" | "succeeded" | "failed";
  /** The client has cancelled the answer (rpc_drop_answer). */
  isDropped: boolean;
  /** The answer, until the client acknowledges it. */
  answer: OutgoingMessage | undefined;
  /** Called once when a running call has ended. */
  onEnd: (() => void)[];
}

/** A message of the server with its place in the session; resent under the same id. */
export interface OutgoingMessage {
  readonly messageId: bigint;
  readonly sequence: number;
  readonly body: Buffer;
  /** The call behind this answer. */
  readonly receipt: Receipt | undefined;
}
