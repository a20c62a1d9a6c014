import { createHmac } from "node:crypto";

/** Identifies a master key without revealing it: 16 hex digits. */
export const fingerprintOf = (key: Uint8Array): string =>
  createHmac("sha256", key).update("holdfast master key").digest("hex").slice(0, 16);

/**
 * The master keys of a process. The first seals; all of them open. May be replaced while serving.
 */
export interface KeyRing {
  readonly sealing: { readonly fingerprint: string; readonly key: Uint8Array };
  find(fingerprint: string): Uint8Array | null;
  readonly fingerprints: readonly string[];
  replace(keys: readonly Uint8Array[]): void;
}

export function createKeyRing(keys: readonly Uint8Array[]): KeyRing {
  let byFingerprint = new Map<string, Uint8Array>();
  const replace = (now: readonly Uint8Array[]): void => {
    if (now.length === 0) throw new Error("a key ring needs a key");
    byFingerprint = new Map(now.map((key) => [fingerprintOf(key), key]));
  };
  replace(keys);

  return {
    get sealing() {
      const [[fingerprint, key]] = byFingerprint as unknown as [[string, Uint8Array]];
      return { fingerprint, key };
    },
    find: (fingerprint) => byFingerprint.get(fingerprint) ?? null,
    get fingerprints() {
      return [...byFingerprint.keys()];
    },
    replace,
  };
}
