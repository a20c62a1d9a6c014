/** What the caller should do about an error: give up, or try again later. */
export type ErrorPolicy = "terminal" | "retryable";

export interface HoldfastErrorOptions {
  /** Stable, upper-case; scripts and metrics may rely on it. */
  readonly code: string;
  /** What happened and why, in one sentence. */
  readonly message: string;
  /** What to type or do next, in one sentence. */
  readonly next?: string;
  readonly policy?: ErrorPolicy;
  readonly cause?: unknown;
}

/** An error that says what happened, why, and what to do next. */
export class HoldfastError extends Error {
  readonly code: string;
  readonly next: string | undefined;
  readonly policy: ErrorPolicy;

  constructor({ code, message, next, policy = "terminal", cause }: HoldfastErrorOptions) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "HoldfastError";
    this.code = code;
    this.next = next;
    this.policy = policy;
  }

  /** The one line that a person reads. */
  get line(): string {
    return this.next === undefined ? this.message : `${this.message} ${this.next}`;
  }
}

/** One line for a person, whatever was thrown. */
export function errorLine(error: unknown): string {
  if (error instanceof HoldfastError) return error.line;
  return error instanceof Error ? error.message : String(error);
}
