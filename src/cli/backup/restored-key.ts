import { chmodSync, constants, copyFileSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { HoldfastError } from "../../errors.ts";
import { type HeldKey, heldKey, keyIn } from "../held-key.ts";
import type { Manifest } from "./manifest.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** The master key of a restore. */
export interface RestoredKey {
  /** Where it is, or will be; null: it is not here. */
  readonly where: string | null;
  /** Puts it into the home, where it is to be there. */
  place(): void;
}

/**
 * The key that opens a backup: the one of a folder, which goes into a home without one, or the one that is here.
 * Throws MASTER_KEY_WRONG where none of those keys opens what the backup holds, and as `heldKey`.
 * @param keyFolder as `backup --with-key` was given it
 */
export function keyForRestore(
  env: Env,
  { home, keyFolder, manifest }: { home: string; keyFolder: string | null; manifest: Manifest },
): RestoredKey {
  const here = heldKey(env, home);
  if (keyFolder === null || here !== null) {
    if (here !== null) refuseWrong(here, manifest);
    return { where: here?.where ?? null, place: () => {} };
  }
  const from = join(resolve(keyFolder), "master.key");
  refuseWrong(keyIn(from), manifest);
  const file = join(resolve(home), "master.key");
  return {
    where: file,
    place() {
      mkdirSync(resolve(home), { recursive: true, mode: 0o700 });
      copyFileSync(from, file, constants.COPYFILE_EXCL);
      chmodSync(file, 0o600);
    },
  };
}

function refuseWrong({ fingerprints, where }: HeldKey, { masterKeys }: Manifest): void {
  const missing = masterKeys.filter((one) => !fingerprints.includes(one));
  if (missing.length === 0) return;
  throw new HoldfastError({
    code: "MASTER_KEY_WRONG",
    message: `The backup was encrypted under master key ${missing.join(", ")}; ${where} has ${fingerprints.join(", ")}. Nothing was changed.`,
    next: "Name the folder of its key: npx holdfast restore <folder> --with-key <folder>",
  });
}
