import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { refuseExposedKey } from "../config/key-file.ts";
import { HoldfastError } from "../errors.ts";

const keyBytes = 32;

/**
 * The file with the master key: the configured one, else `master.key` in the home. The first start
 * makes the latter, readable by its owner only. Null when the key itself is configured. Throws
 * MASTER_KEY_MISSING when the home holds data that a new key could not read, MASTER_KEY_EXPOSED.
 */
export function masterKeyFile(config: Config): string | null {
  if (config.masterKeyFile !== null) {
    refuseExposedKey(config.masterKeyFile);
    return config.masterKeyFile;
  }
  if (config.masterKeys.length > 0) return null;
  const file = join(config.home, "master.key");
  if (existsSync(file)) {
    refuseExposedKey(file);
    return file;
  }
  if (existsSync(join(config.home, "postgres", "PG_VERSION")))
    throw new HoldfastError({
      code: "MASTER_KEY_MISSING",
      message: `${file} is missing, but ${config.home} holds accounts that were encrypted with it.`,
      next: "Restore the file, name it in HOLDFAST_MASTER_KEY_FILE, or remove the home to begin anew.",
    });
  writeFileSync(file, `${randomBytes(keyBytes).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
  return file;
}
