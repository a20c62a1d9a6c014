import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostKey } from "../custody/registers.ts";
import { provesEnd } from "../custody/signed-statements.ts";
import type { Signatures } from "../ports/custody/signatures.ts";

export interface GateName {
  readonly incarnation: string;
  readonly host: string;
}

const suffix = ".ended";
const wordsMax = 16;

const pathOf = (folder: string, { incarnation, host }: GateName): string =>
  join(folder, `${hostKey(host)}.${incarnation}${suffix}`);

/**
 * Keeps a gate's signed word that all is cut and its lease is over, beside its journal. NATS and PostgreSQL may be
 * away when a gate ends, and its successor may live in another namespace of processes: this word reaches it.
 * Never throws: without the word, its successor waits as after a kill.
 */
export function keepLastWord(folder: string, gate: GateName, signature: string): void {
  try {
    for (const old of wordsIn(folder).slice(wordsMax - 1)) rmSync(old, { force: true });
    writeFileSync(pathOf(folder, gate), signature, { mode: 0o600 });
  } catch {
    // The disk is full, or the home is gone.
  }
}

/** Whether that gate has left its word here. One that is torn, or that another wrote, is none. Never throws. */
export function hasLastWord(folder: string, gate: GateName, signatures: Signatures): boolean {
  try {
    return provesEnd(signatures, gate, readFileSync(pathOf(folder, gate), "utf8"));
  } catch {
    return false;
  }
}

/** The newest first. */
function wordsIn(folder: string): readonly string[] {
  const paths = readdirSync(folder)
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(folder, name));
  const writtenMs = new Map(paths.map((path) => [path, statSync(path).mtimeMs]));
  return paths.toSorted((one, other) => writtenMs.get(other)! - writtenMs.get(one)!);
}
