import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fingerprintOf } from "../adapters/crypto/key-ring.ts";
import { refuseExposedKey } from "../config/key-file.ts";
import { readMasterKeys } from "../config/values.ts";
import { HoldfastError } from "../errors.ts";

/** The master keys that this environment or home has. Never printed. */
export interface HeldKey {
  readonly keys: readonly Buffer[];
  readonly fingerprints: readonly string[];
  /** A file, or the variable that holds them. */
  readonly where: string;
}

/** null where there is none. Throws MASTER_KEY_EXPOSED, MASTER_KEY_BROKEN and MASTER_KEY_MISSING. */
export function heldKey(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): HeldKey | null {
  const given = env["HOLDFAST_MASTER_KEY"];
  if (given) return keyOf(given, "HOLDFAST_MASTER_KEY");
  const named = env["HOLDFAST_MASTER_KEY_FILE"];
  const file = named ? resolve(named) : join(resolve(home), "master.key");
  if (existsSync(file)) return keyIn(file);
  if (!named) return null;
  throw new HoldfastError({
    code: "MASTER_KEY_MISSING",
    message: `HOLDFAST_MASTER_KEY_FILE names ${file}, which is not there.`,
    next: "Name the file with this fleet's master key.",
  });
}

/** The master keys of a file. Throws MASTER_KEY_EXPOSED and MASTER_KEY_BROKEN. */
export function keyIn(file: string): HeldKey {
  if (!existsSync(file)) throw broken(file, "is not there");
  refuseExposedKey(file);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw broken(file, "cannot be read", cause);
  }
  return keyOf(text, file);
}

function keyOf(text: string, where: string): HeldKey {
  const reading = readMasterKeys(text);
  if (!("value" in reading)) throw broken(where, "holds no master key");
  return { keys: reading.value, fingerprints: reading.value.map(fingerprintOf), where };
}

const broken = (where: string, why: string, cause?: unknown) =>
  new HoldfastError({
    code: "MASTER_KEY_BROKEN",
    message: `${where} ${why}.`,
    next: "Give it one key a line, 32 bytes as base64 or hex, the one that encrypts first.",
    cause,
  });
