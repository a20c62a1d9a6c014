import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createKeyRing } from "../adapters/crypto/key-ring.ts";
import { createSealer, type Sealer, wrongMasterKey } from "../adapters/crypto/sealing.ts";
import { ownVersion } from "../adapters/machine/version.ts";
import type { Database } from "../adapters/postgres/database.ts";
import { createResealing } from "../adapters/postgres/resealing.ts";
import type { Handlers } from "../commands/protocol.ts";
import type { NodeProtocol } from "../commands/node-protocol.ts";
import type { Config } from "../config/config.ts";
import { refuseExposedKey } from "../config/key-file.ts";
import { readMasterKeys } from "../config/values.ts";
import { HoldfastError } from "../errors.ts";

/** Texts that are encrypted anew in one statement. */
const resealAtOnce = 500;

/** The master keys of this node, and their commands while it serves. */
export interface NodeKeys {
  readonly sealer: Sealer;
  /** 16 hex digits, equal for equal texts; without the master key no text is found by trying. */
  mark(text: string): string;
  /** Throws MASTER_KEY_WRONG when these keys cannot read the database's secrets. */
  check(): Promise<void>;
  /**
   * `keys`: reads this node's file anew and answers its keys. `reseal`: encrypts everything under
   * the first.
   * @param serving keys of the serving hosts, this one among them: all of them must have answered
   */
  verbs(host: string, serving: () => readonly string[]): Handlers<NodeProtocol, "keys" | "reseal">;
}

export function createNodeKeys(config: Config, database: Database): NodeKeys {
  if (config.masterKeys.length === 0) {
    throw new HoldfastError({
      code: "MASTER_KEY_MISSING",
      message:
        "Neither HOLDFAST_MASTER_KEY nor HOLDFAST_MASTER_KEY_FILE is set, so nothing stored can be read.",
      next: "Set one of them to the key of this fleet, or start everything with: npm start",
    });
  }
  if (config.masterKeyFile !== null) refuseExposedKey(config.masterKeyFile);
  const ring = createKeyRing(config.masterKeys);
  const sealer = createSealer(ring);
  const resealing = createResealing(database, sealer);

  async function readFileAnew(): Promise<void> {
    if (config.masterKeyFile === null) return;
    const reading = readMasterKeys(await readFile(config.masterKeyFile, "utf8"));
    if (!("value" in reading)) throw keyFileBroken(config.masterKeyFile);
    ring.replace(reading.value);
  }

  return {
    sealer,
    mark: (text) =>
      createHmac("sha256", ring.sealing.key)
        .update("holdfast audit\0")
        .update(text)
        .digest("hex")
        .slice(0, 16),
    async check() {
      const unknown = (await resealing.fingerprints()).filter((one) => ring.find(one) === null);
      if (unknown.length > 0) throw wrongMasterKey(unknown, ring);
    },
    verbs: (host, serving) => ({
      async keys() {
        await readFileAnew();
        const { fingerprints, sealing } = ring;
        const hosts = serving().length;
        const version = ownVersion();
        return { ok: true, host, hosts, version, sealing: sealing.fingerprint, fingerprints };
      },
      async reseal(body) {
        if (body.under !== ring.sealing.fingerprint) throw notThatKey(host);
        let resealed = 0;
        for (let some = 1; some > 0; resealed += some) some = await resealing.some(resealAtOnce);
        return { ok: true, host, resealed, fingerprints: await resealing.fingerprints() };
      },
    }),
  };
}

const keyFileBroken = (file: string) =>
  new HoldfastError({
    code: "MASTER_KEY_BROKEN",
    message: `${file} no longer holds master keys; the ones read before go on to be used.`,
    next: "Give it one key a line, 32 bytes as base64 or hex, the one that encrypts first.",
  });

const notThatKey = (host: string) =>
  new HoldfastError({
    code: "MASTER_KEY_OTHER",
    message: `${host} encrypts under another master key; nothing was changed.`,
    next: "Give every host the same keys, then try again: npx holdfast rotate-key",
  });
