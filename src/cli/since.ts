import { HoldfastError } from "../errors.ts";
import { readTime } from "../inputs/time.ts";

/** As `readTime`. Throws SINCE_MALFORMED. */
export function sinceMs(text: string, nowMs: number): number {
  const ms = readTime(text, nowMs);
  if (ms !== null) return ms;
  throw new HoldfastError({
    code: "SINCE_MALFORMED",
    message: `"${text}" is no time.`,
    next: "Give 90s, 30m, 12h, 7d, or a moment such as 2026-11-21T08:00:00Z.",
  });
}
