/** The accounts that run on this host, and since when. */
export interface RunningAccounts {
  has(name: string): boolean;
  /** Milliseconds of the clock, as given to `add`; null: the account does not run here. */
  since(name: string): number | null;
  /** Identity-stable: the same array while nothing changes. */
  names(): readonly string[];
  add(name: string, atMs: number): void;
  remove(name: string): void;
}

export function createRunningAccounts(): RunningAccounts {
  const since = new Map<string, number>();
  let names: readonly string[] | null = null;
  return {
    has: (name) => since.has(name),
    since: (name) => since.get(name) ?? null,
    names: () => (names ??= [...since.keys()]),
    add(name, atMs) {
      since.set(name, atMs);
      names = null;
    },
    remove(name) {
      since.delete(name);
      names = null;
    },
  };
}
