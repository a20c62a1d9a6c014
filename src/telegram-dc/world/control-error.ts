/**
 * A refused request of the phone or the control API. `message` gives the event, its reason and the
 * next command; `status` is the HTTP status of the answer.
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
