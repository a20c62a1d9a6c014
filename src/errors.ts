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
  /** Of a retryable one: not before so many seconds. */
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

/** One line for a person, from any thrown value. Never empty, and never a library's `timeout` alone. */
export function errorLine(error: unknown): string {
  if (error instanceof HoldfastError) return error.line;
  if (!(error instanceof Error)) return String(error);
  return error.message === "" || isTimeout(error) ? storyOf(error) : error.message;
}

/** Whose text alone names no cause: a library's bound has passed. */
const isTimeout = ({ name, message }: Error): boolean =>
  name === "TimeoutError" || /^time(?:d )?out$/i.test(message);

/** The name and text of an error and of its causes, from the outside in: some have no text of their own. */
function storyOf(error: unknown, deepMost = 4): string {
  if (!(error instanceof Error)) return String(error);
  const { name, message, cause } = error;
  const inner: unknown = error instanceof AggregateError ? (error.errors[0] ?? cause) : cause;
  const own = message === "" ? name : `${name}: ${message}`;
  const told = isTimeout(error) ? `no answer came in time (${own})` : own;
  return inner === undefined || deepMost === 0
    ? told
    : `${told}, by ${storyOf(inner, deepMost - 1)}`;
}

/**
 * The last word of a program that any thrown value ends. One of a library names neither what was done nor a way out, so
 * both are added: `what` is the sentence's beginning, and `next` the remedy.
 */
export function lastWord(
  error: unknown,
  { what, next }: { readonly what: string; readonly next: string },
): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const message = `${what}: ${storyOf(error)}.`;
  return new HoldfastError({ code: "UNEXPECTED", message, next, cause: error });
}

/** The stable code of any thrown value; `UNEXPECTED` where it has none. */
export const errorCodeOf = (error: unknown): string =>
  error instanceof HoldfastError ? error.code : "UNEXPECTED";
