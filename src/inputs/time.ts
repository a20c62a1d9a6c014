import { plainText } from "./plain-text.ts";

const units: Readonly<Record<string, number>> = {
  s: 1e3,
  m: 60e3,
  h: 3600e3,
  d: 86_400e3,
  w: 7 * 86_400e3,
};
const ago = /^(?<count>\d{1,6})\s*(?<unit>[smhdw])$/;
/** A day of ISO 8601 at least: other texts, such as 90, JavaScript would take for years. */
const moment = /^\d{4}-\d{2}-\d{2}(?:[ t].+)?$/;

/** `90s`, `30m`, `12h`, `7d` or `2w` ago, or a moment in ISO 8601, as milliseconds since 1970; null: no time. */
export function readTime(typed: string, nowMs: number): number | null {
  const plain = plainText(typed).toLowerCase();
  const { count, unit } = ago.exec(plain)?.groups ?? {};
  if (count !== undefined) return nowMs - Number(count) * (units[unit ?? ""] ?? 0);
  const ms = moment.test(plain) ? Date.parse(plain.toUpperCase()) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
