/**
 * A request of the phone or the control API that cannot be done. `message` says what happened, why, and what to
 * type next; `status` is the HTTP status that the control API answers with.
 */
export class ControlError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ControlError";
    this.code = code;
    this.status = status;
  }
}
