/** A finding of a check: a name that stays when lines move, and the line to print. */
export interface Found {
  readonly name: string;
  /** `file:line: what is wrong; what to do`. */
  readonly breach: string;
}

/** Breaches that are known and are being mended, by check. A mended one has to leave its list. */
export const pending = {
  circles: [],
  exports: [],
  ports: [],
  states: [],
  statements: [],
  widths: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** How often each name occurs. */
function timesOf(names: readonly string[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const name of names) times.set(name, (times.get(name) ?? 0) + 1);
  return times;
}

/**
 * One line for each new finding, and for each known one that is mended. `where` names the file of
 * the list.
 */
export function beyond(
  found: readonly Found[],
  known: readonly string[],
  where = "tools/pending.ts",
): readonly string[] {
  const left = new Map(timesOf(known));
  const breaches: string[] = [];
  for (const { name, breach } of found) {
    const times = left.get(name) ?? 0;
    if (times === 0) breaches.push(breach);
    else left.set(name, times - 1);
  }
  const mended = [...left].flatMap(([name, times]) => Array.from({ length: times }, () => name));
  return [...breaches, ...mended.map((name) => `${where}:1: ${name} is mended; strike it out`)];
}
