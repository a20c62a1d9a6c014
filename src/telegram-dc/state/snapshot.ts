import type { KeyRegistry, StoredKey } from "../seam.ts";
import type { StoredFile } from "../world/files.ts";
import type { AuthKeyRecord, User } from "../world/model.ts";
import type { WorldParts } from "../world/parts.ts";

/** The data centre's state between two runs. Faults, the ledger and pending logins are not kept. */
export interface Snapshot {
  readonly format: typeof snapshotFormat;
  /** PKCS#8 PEM. */
  readonly rsaPrivateKeyPem: string;
  /** The secret behind access hashes. */
  readonly secret: Buffer;
  readonly originIdLast: number;
  readonly users: readonly User[];
  readonly authKeys: readonly AuthKeyRecord[];
  readonly storedKeys: readonly StoredKey[];
  /** Absent in snapshots of earlier versions. */
  readonly files?: readonly StoredFile[];
}

const snapshotFormat = "telegram-dc state 1";

export function takeSnapshot(
  parts: WorldParts,
  registry: Pick<KeyRegistry, "exportKeys">,
  rsaPrivateKeyPem: string,
): Snapshot {
  return {
    format: snapshotFormat,
    rsaPrivateKeyPem,
    secret: parts.users.secret(),
    originIdLast: parts.post.originIdLast(),
    users: [...parts.users.all()],
    authKeys: [...parts.authKeys.all()],
    storedKeys: registry.exportKeys(),
    files: [...parts.files.all()],
  };
}

/** Puts a snapshot into an empty world and protocol half. */
export function restoreSnapshot(
  snapshot: Snapshot,
  parts: WorldParts,
  registry: Pick<KeyRegistry, "importKeys">,
): void {
  for (const user of snapshot.users) parts.users.restore(user);
  for (const key of snapshot.authKeys) parts.authKeys.restore(key);
  for (const file of snapshot.files ?? []) parts.files.restore(file);
  parts.post.restoreOriginId(snapshot.originIdLast);
  registry.importKeys(snapshot.storedKeys);
}

export function isSnapshot(value: unknown): value is Snapshot {
  if (typeof value !== "object" || value === null) return false;
  const { format, rsaPrivateKeyPem, secret, users, authKeys, storedKeys, originIdLast } =
    value as Partial<Record<keyof Snapshot, unknown>>;
  return (
    format === snapshotFormat &&
    typeof rsaPrivateKeyPem === "string" &&
    secret instanceof Uint8Array &&
    typeof originIdLast === "number" &&
    Array.isArray(users) &&
    Array.isArray(authKeys) &&
    Array.isArray(storedKeys)
  );
}
