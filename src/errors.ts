/** The caller's next act after an error: give up, or try again later. */
export type ErrorPolicy = "terminal" | "retryable";

export interface HoldfastErrorOptions {
  /** Stable, upper-case; scripts and metrics may rely on it. */
  readonly code: string;
  /** The event and its reason, in one sentence. */
  readonly message: string;
  /** The next command or act, in one sentence. */
  readonly next?: string;
  readonly policy?: ErrorPolicy;
  /** Before it is tried again, where that time is known. */
  readonly waitSeconds?: number | undefined;
  readonly cause?: unknown;
}

/** An error with its event, its reason and its remedy. */
export class HoldfastError extends Error {
  readonly code: string;
  readonly next: string | undefined;
  readonly policy: ErrorPolicy;
  readonly waitSeconds: number | undefined;

  constructor(options: HoldfastErrorOptions) {
    const { code, message, next, policy = "terminal", waitSeconds, cause } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.name = "HoldfastError";
    this.code = code;
    this.next = next;
    this.policy = policy;
    this.waitSeconds = waitSeconds;
  }

  /** The one line that a person reads. */
  get line(): string {
    return this.next === undefined ? this.message : `${this.message} ${this.next}`;
  }
}

/** What the caller may do after any thrown value; an unknown one is terminal. */
export function policyOf(error: unknown): ErrorPolicy {
  return error instanceof HoldfastError ? error.policy : "terminal";
}

/** One line for a person, from any thrown value. */
export function errorLine(error: unknown): string {
  if (error instanceof HoldfastError) return error.line;
  return error instanceof Error ? error.message : String(error);
}

/** The stable code of any thrown value; `UNEXPECTED` where it has none. */
export const errorCodeOf = (error: unknown): string =>
  error instanceof HoldfastError ? error.code : "UNEXPECTED";
