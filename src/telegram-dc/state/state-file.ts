import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { ControlError } from "../world/control-error.ts";
import { richParse, richStringify } from "./rich-json.ts";
import { isSnapshot, type Snapshot } from "./snapshot.ts";

/** Keeps a snapshot in a file that is always whole: written beside it and renamed over it. */
export interface StateFile {
  /** Reports a change: the file is written at the end of the present turn of the event loop. */
  touch(): void;
  /** Resolves once the changes so far are in the file, or their write has failed. */
  written(): Promise<void>;
  /** Writes the changes since the last write and stops. @throws the system's error */
  close(): Promise<void>;
}

const ownerOnly = 0o600;

/**
 * @returns undefined when there is no such file yet
 * @throws ControlError BAD_STATE when it is unreadable or not a state file
 */
export function readStateFile(path: string): Snapshot | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw badState(path, "it cannot be read", error);
  }
  let value: unknown;
  try {
    value = richParse(text);
  } catch (error) {
    throw badState(path, "it is not JSON", error);
  }
  if (!isSnapshot(value)) throw badState(path, "it was not written by this program");
  return value;
}

function badState(path: string, why: string, cause?: unknown): ControlError {
  return new ControlError(
    "BAD_STATE",
    500,
    `the state file ${path} is of no use: ${why}; name another file with --state, or move this one away to begin anew`,
    { cause },
  );
}

/**
 * Writes the file at once, to find out early whether that works, and again after every change.
 * `onError` receives later failures; the next change tries again.
 * @throws ControlError BAD_STATE when the file cannot be written
 */
export function openStateFile(
  path: string,
  snapshot: () => Snapshot,
  onError: (error: unknown) => void,
): StateFile {
  const beside = `${path}.new`;
  let isDirty = false;
  let writing: Promise<void> | undefined;
  /** Resolve at the end of the next write that begins. */
  let waiting: (() => void)[] = [];

  function writeNow(): void {
    writeFileSync(beside, richStringify(snapshot()), { mode: ownerOnly });
    renameSync(beside, path);
  }

  async function writeLater(): Promise<void> {
    // One write covers all changes of this turn of the event loop.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    isDirty = false;
    const covered = waiting;
    waiting = [];
    try {
      await writeFile(beside, richStringify(snapshot()), { mode: ownerOnly });
      await rename(beside, path);
    } catch (error) {
      onError(error);
    }
    for (const resolve of covered) resolve();
    writing = isDirty ? writeLater() : undefined;
  }

  async function settled(): Promise<void> {
    if (writing === undefined) return;
    await writing;
    await settled();
  }

  try {
    writeNow();
  } catch (error) {
    throw badState(path, "it cannot be written", error);
  }
  return {
    touch() {
      isDirty = true;
      writing ??= writeLater();
    },
    written() {
      // Without changes beyond it, the write under way is the one.
      if (!isDirty) return writing ?? Promise.resolve();
      return new Promise((resolve) => waiting.push(resolve));
    },
    async close() {
      await settled();
      writeNow();
    },
  };
}
