/** A reply on its way to the endpoint that passes it on. */
export interface WebhookReply {
  /** The same in every attempt: a receiver that has it already may answer 409. */
  readonly id: string;
  readonly account: string;
  /** The receiver, as `From` named it. */
  readonly to: string;
  readonly text: string;
  /** The menu's choices; `data` comes back as `ButtonPayload`. */
  readonly choices: readonly { readonly label: string; readonly data: string }[];
  /** The id of the answered message, as its sender gave it. */
  readonly answers: string;
}

/** An endpoint's answer to one attempt. */
export interface WebhookAnswer {
  readonly status: number;
  /** From `Retry-After`; null where it was not given. */
  readonly retryAfterSeconds: number | null;
}

/** Posts replies. Hides HTTP. Rejects when no answer came: the outcome is unknown. */
export interface WebhookEndpoint {
  post(reply: WebhookReply): Promise<WebhookAnswer>;
}
