/** Unicode code points, the unit of Telegram's limits on text (https://core.telegram.org/constructor/config). */
export function codePoints(text: string): number {
  return Array.from(text).length;
}
