/** What became of one message that a client sent. */
export interface Receipt {
  readonly messageId: bigint;
  readonly sequence: number;
  readonly isCall: boolean;
  /** `taken`: nothing more will come of it, or an answer is still being made for a call that is not `running` yet. */
  state: "taken" | "running" | "succeeded" | "failed";
  /** The client does not want the answer any more (rpc_drop_answer). */
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
  /** The call that it answers. */
  readonly receipt: Receipt | undefined;
}
