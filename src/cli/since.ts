import { HoldfastError } from "../errors.ts";

const units: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3 };

/** `90s`, `30m`, `12h`, `7d` ago, or a moment in ISO 8601, as milliseconds since 1970. Throws SINCE_MALFORMED. */
export function sinceMs(text: string, nowMs: number): number {
  const ago = /^(\d+)([smhd])$/.exec(text);
  const ms = ago === null ? Date.parse(text) : nowMs - Number(ago[1]) * (units[ago[2]!] ?? 0);
  if (!Number.isNaN(ms)) return ms;
  throw new HoldfastError({
    code: "SINCE_MALFORMED",
    message: `"${text}" is no time.`,
    next: "Give 90s, 30m, 12h, 7d, or a moment such as 2026-11-21T08:00:00Z.",
  });
}
