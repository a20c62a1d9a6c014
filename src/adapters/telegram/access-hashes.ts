import type { tl } from "@mtcute/core";

/**
 * Access hashes of the users that an account has met, the newest `max` of them. A push of a forgotten user is fetched,
 * and the answer names the user again.
 */
export interface AccessHashes {
  /** Remembers the hash of each user that came with one. */
  meet(user: tl.RawUser): void;
  of(userId: number): string | undefined;
  has(userId: number): boolean;
}

export function createAccessHashes(max: number): AccessHashes {
  const hashes = new Map<number, string>();

  return {
    meet({ id, accessHash, min }) {
      // The hash of a `min` user opens nothing (https://core.telegram.org/api/min).
      if (accessHash === undefined || min === true) return;
      hashes.delete(id);
      hashes.set(id, accessHash.toString());
      for (const oldest of hashes.keys()) {
        if (hashes.size <= max) return;
        hashes.delete(oldest);
      }
    },
    of: (userId) => hashes.get(userId),
    has: (userId) => hashes.has(userId),
  };
}
