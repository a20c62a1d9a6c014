/**
 * The reason why a value that was read from JSON is refused; null: none. Postgres takes neither a NUL nor half a
 * surrogate pair, JSON writes no endless number, and a field of Object.prototype means something else to a program
 * than to the one who wrote it. The value is nested no deeper than a body may be.
 */
export function hostileIn(value: unknown): string | null {
  const waiting: { readonly value: unknown; readonly at: string }[] = [{ value, at: "" }];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    const why = whyRefused(one.value);
    if (why !== null) return `holds ${why} in the field "${one.at}"`;
    if (typeof one.value !== "object" || one.value === null) continue;
    for (const [name, inner] of Object.entries(one.value)) {
      const at = one.at === "" ? shown(name) : `${one.at}.${shown(name)}`;
      if (isInherited(name)) return `has the field "${at}", which every object has already`;
      if (textFault(name) !== null) return `holds ${textFault(name)} in the name of a field`;
      waiting.push({ value: inner, at: at.slice(0, shownMax) });
    }
  }
  return null;
}

/** Letters of a path that an answer repeats. */
const shownMax = 80;

const shown = (name: string): string => name.slice(0, shownMax);

const isInherited = (name: string): boolean => name in Object.prototype;

function whyRefused(value: unknown): string | null {
  if (typeof value === "string") return textFault(value);
  return typeof value === "number" && !Number.isFinite(value) ? "a number without an end" : null;
}

const textFault = (text: string): string | null =>
  text.includes("\0") ? "the letter NUL" : text.isWellFormed() ? null : "half of a surrogate pair";
