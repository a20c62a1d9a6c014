import { HoldfastError } from "../errors.ts";

/** What a command's end says to the script that called it. */
export const exitCodes = {
  well: 0,
  /** It was refused, failed, or found something wrong. */
  refused: 1,
  /** The command line makes no sense; nothing was done. */
  misused: 2,
  /** Nothing answers, so that nobody knows: the same command may work later. */
  unanswered: 3,
} as const;

const unansweredCodes: ReadonlySet<string> = new Set([
  "NOT_RUNNING",
  "NATS_UNAVAILABLE",
  "NODE_UNAVAILABLE",
  "DATABASE_UNAVAILABLE",
]);

const misusedCodes: ReadonlySet<string> = new Set(["OPTION_MALFORMED", "PARAMS_MALFORMED"]);

/** The exit code of a command that has thrown. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof HoldfastError)) return exitCodes.refused;
  if (unansweredCodes.has(error.code)) return exitCodes.unanswered;
  return misusedCodes.has(error.code) ? exitCodes.misused : exitCodes.refused;
}
