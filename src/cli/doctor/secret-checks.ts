import { createKeyRing } from "../../adapters/crypto/key-ring.ts";
import { wrongMasterKey } from "../../adapters/crypto/sealing.ts";
import { readAccess } from "../../adapters/nats/access.ts";
import { identityOfCreds } from "../../config/nats-access.ts";
import type { HeldKey } from "../held-key.ts";
import type { LastBackup } from "../backup/last-backup.ts";
import { type Check, fault, ok, refusedWith, unlessRefused } from "./check.ts";

/** The variables are as a start wants them. */
export const settings = (read: () => unknown): Check => ({
  name: "settings",
  look: () =>
    unlessRefused(() => {
      read();
      return "every variable is well";
    }),
});

/**
 * The master key is there, closed to others, and opens what is stored.
 * @param stored fingerprints of the keys that the database needs
 */
export const masterKey = (
  held: () => HeldKey | null,
  stored: () => Promise<readonly string[]>,
): Check => ({
  name: "master-key",
  async look() {
    let key: HeldKey | null;
    try {
      key = held();
    } catch (error) {
      return refusedWith(error);
    }
    const needed = await stored();
    if (key === null) {
      if (needed.length === 0) return ok("none is needed yet");
      return fault(
        `the master key ${needed.join(", ")} is not here`,
        "nothing stored can be read without it",
        "Put the key back, or name its file in HOLDFAST_MASTER_KEY_FILE",
      );
    }
    const { keys, fingerprints, where } = key;
    const ring = createKeyRing(keys);
    const missing = needed.filter((one) => ring.find(one) === null);
    if (missing.length > 0) return refusedWith(wrongMasterKey(missing, ring));
    return ok(`${fingerprints.join(", ")} of ${where} opens all that is stored`);
  },
});

/** Files of credentials can be read, by their owner alone, and have not expired. */
export const credentials = (files: readonly string[]): Check => ({
  name: "credentials",
  look: () =>
    unlessRefused(() => {
      for (const file of files) readAccess({ ...identityOfCreds(file), url: "nats://127.0.0.1" });
      return files.length === 0 ? "none are named" : `${files.length} files are well`;
    }),
});

const backupAgeMax = 7 * 86_400_000;

export const backupAge = (
  last: () => LastBackup | null,
  accounts: () => Promise<number>,
  now: () => number,
): Check => ({
  name: "backup",
  async look() {
    const found = last();
    const next = "npx holdfast backup <new folder>";
    if (found === null) {
      if ((await accounts()) === 0) return ok("there is no account to lose yet");
      return fault("no backup is known here", "a lost disk would lose every account", next);
    }
    const ageMs = now() - Date.parse(found.at);
    if (ageMs <= backupAgeMax) return ok(`the last one is of ${found.at}, in ${found.folder}`);
    const days = Math.floor(ageMs / 86_400_000);
    return fault(
      `the last backup is ${days} days old`,
      "what happened since would be lost with the disk",
      next,
    );
  },
});
