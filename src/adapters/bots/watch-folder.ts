import { type FSWatcher, readdirSync, watch } from "node:fs";
import { join } from "node:path";

export interface WatchFolderOptions {
  readonly folder: string;
  /** A folder in it whose changes mean nothing. */
  readonly home: string;
  /** Files have changed. Editors write a file in several steps: they are one change. */
  onChange(): void;
}

/** Folders of packages and of tools hold no sources of the bot. */
const isForeign = (name: string): boolean => name === "node_modules" || name.startsWith(".");

/** A change is told once nothing has changed for so long. */
const settleMs = 100;
/** Beyond that, changes in further folders are not seen. */
const foldersMax = 1_000;

/** Watches a bot's sources, in all folders below its own. The returned function ends it. */
export function watchFolder({ folder, home, onChange }: WatchFolderOptions): () => void {
  const watched = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;

  function changed(): void {
    clearTimeout(timer);
    timer = setTimeout(() => {
      // Folders that are new are watched as well.
      look(folder);
      onChange();
    }, settleMs);
  }

  function look(at: string): void {
    if (at === home) return;
    if (!watched.has(at)) {
      if (watched.size >= foldersMax) return;
      open(at);
    }
    for (const entry of entriesOf(at)) {
      if (entry.isDirectory() && !isForeign(entry.name)) look(join(at, entry.name));
    }
  }

  function open(at: string): void {
    const close = (): void => {
      watched.get(at)?.close();
      watched.delete(at);
    };
    try {
      const watcher = watch(at, (_event, name) => {
        if (name === null || !isForeign(name)) changed();
      });
      watched.set(at, watcher);
      watcher.on("error", close);
    } catch {
      close();
    }
  }

  look(folder);
  return () => {
    clearTimeout(timer);
    for (const watcher of watched.values()) watcher.close();
  };
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
