import { MemoryStorage } from "@mtcute/core";

/**
 * mtcute's storage in memory, with one change: it tells the key of the main data centre, and never
 * replaces an existing key. mtcute would make a new key when Telegram no longer knows it; here that
 * is a death.
 */
export function createKeyStorage(
  session: { readonly dcId: number; readonly key: Uint8Array } | null,
  onKey: (dcId: number, key: Uint8Array) => void,
): MemoryStorage {
  const storage = new MemoryStorage();
  const keep = storage.authKeys.set.bind(storage.authKeys);
  if (session !== null) keep(session.dcId, session.key);
  let known = session !== null;
  storage.authKeys.set = (dcId, key) => {
    if (key === null || known) return;
    known = true;
    keep(dcId, key);
    onKey(dcId, key);
  };
  return storage;
}
