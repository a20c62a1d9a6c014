import type { StoredKey } from "../../seam.ts";
import type { ProtocolClock } from "../clock.ts";
import { type AuthKey, createAuthKey } from "./auth-key.ts";

/** Every auth key of the data centre. */
export interface KeyStore {
  add(key: AuthKey): void;
  /** Looks a key up by the id of a frame; forgets an expired temporary key on the way. */
  find(id: bigint): AuthKey | undefined;
  findByHexId(hexId: string): AuthKey | undefined;
  /** Forgets a permanent key with the temporary keys bound to it, or one temporary key. */
  destroy(key: AuthKey): void;
  temporaryKeysOf(owner: AuthKey): AuthKey[];
  exportKeys(): StoredKey[];
  importKeys(keys: readonly StoredKey[]): void;
}

/** An empty store. */
export function createKeyStore(clock: ProtocolClock): KeyStore {
  const keys = new Map<bigint, AuthKey>();

  function temporaryKeysOf(owner: AuthKey): AuthKey[] {
    return [...keys.values()].filter((key) => key.boundTo === owner);
  }

  function importKey(stored: StoredKey): void {
    const bytes = Buffer.from(stored.keyHex, "hex");
    const key = createAuthKey(clock, { bytes, kind: "permanent", salt: stored.salt });
    if (bytes.length !== 256 || key.hexId !== stored.authKeyId) {
      throw new Error(
        `The stored auth key ${stored.authKeyId} does not match its bytes. Delete the state file to start with new keys.`,
      );
    }
    key.layer = stored.layer > 0 ? stored.layer : undefined;
    keys.set(key.id, key);
  }

  return {
    add(key) {
      keys.set(key.id, key);
    },
    find(id) {
      const key = keys.get(id);
      if (key?.expiresAtMs !== undefined && key.expiresAtMs <= clock.nowMs()) {
        keys.delete(id);
        return undefined;
      }
      return key;
    },
    findByHexId: (hexId) =>
      /^[0-9a-f]{16}$/.test(hexId)
        ? keys.get(Buffer.from(hexId, "hex").readBigInt64LE(0))
        : undefined,
    destroy(key) {
      for (const temporary of temporaryKeysOf(key)) keys.delete(temporary.id);
      keys.delete(key.id);
    },
    temporaryKeysOf,
    exportKeys: () =>
      [...keys.values()]
        .filter((key) => key.kind === "permanent")
        .map((key) => ({
          authKeyId: key.hexId,
          keyHex: key.bytes.toString("hex"),
          salt: key.salts.current(),
          layer: key.layer ?? 0,
        })),
    importKeys(stored) {
      for (const key of stored) importKey(key);
    },
  };
}
