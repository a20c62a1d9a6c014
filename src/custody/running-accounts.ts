/** The accounts that run on this host, and since when. */
export interface RunningAccounts {
  has(name: string): boolean;
  /** Milliseconds of the clock that `add` was told; null for one that does not run here. */
  since(name: string): number | null;
  /** The same array until an account comes or goes, so that whoever asks again can tell that nothing has changed. */
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
