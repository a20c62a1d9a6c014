import type { OverlapPolicy } from "../config.ts";

/** Two connections that used one authorised key at once, as one policy defines it. */
export interface Overlap {
  readonly policy: OverlapPolicy;
  readonly authKeyId: string;
  readonly userId: bigint | undefined;
  /** Ids of the two connections, the older first. */
  readonly connectionIds: readonly [number, number];
  readonly addresses: readonly [string, string];
  /** When the detector saw the second use, ms since the epoch. */
  readonly fromMs: number;
  /** When the first of the two connections closed. */
  toMs: number | undefined;
}

/** A connection, as far as the detector needs it. */
interface UsedConnection {
  readonly id: number;
  readonly address: string;
  readonly isMedia: boolean;
}

/**
 * The key at the moment of use. Only an authorised key can overlap: Telegram speaks of logged-in
 * sessions.
 */
interface UsedKey {
  readonly id: string;
  readonly userId: bigint | undefined;
}

/**
 * Watches the use of keys and reports each pair of connections once per policy. The definitions, which
 * `docs/telegram-dc.md` states for readers:
 * - `any-two-connections`: both are open and each has carried an encrypted frame of the key;
 * - `by-address`: the same, and the peers' addresses differ;
 * - `parallel-requests`: both are open and their request spans intersect, a span running from the arrival of a
 *   connection's first request to the answer of its latest. A request that arrives while the other connection owes
 *   an answer intersects, and so does going back to a connection after the other one was used; moving
 *   from a connection to the next, and never back, does not.
 * Media connections never count (https://core.telegram.org/api/errors, 406).
 */
export interface OverlapDetector {
  /** Each method returns the overlaps caused by its event. */
  frame(connection: UsedConnection, key: UsedKey, atMs: number): Overlap[];
  requestStarted(connection: UsedConnection, key: UsedKey, atMs: number): Overlap[];
  requestEnded(connection: UsedConnection, keyId: string): void;
  closed(connection: UsedConnection, atMs: number): void;
}

interface Use {
  readonly connection: UsedConnection;
  readonly keyId: string;
  /** Ordinals of events, not times: two events of one millisecond keep their order. */
  requestFirst: number | undefined;
  requestLast: number;
  requestsOpen: number;
  /** Open overlaps with other connections, by policy and the other's id. */
  readonly overlaps: Map<string, Overlap>;
}

export function createOverlapDetector(): OverlapDetector {
  const usesByKey = new Map<string, Map<number, Use>>();
  const keysByConnection = new Map<number, Set<string>>();
  let ordinal = 0;

  function useOf(connection: UsedConnection, keyId: string): Use {
    let uses = usesByKey.get(keyId);
    if (uses === undefined) usesByKey.set(keyId, (uses = new Map()));
    let use = uses.get(connection.id);
    if (use === undefined) {
      use = {
        connection,
        keyId,
        requestFirst: undefined,
        requestLast: 0,
        requestsOpen: 0,
        overlaps: new Map(),
      };
      uses.set(connection.id, use);
      const keys = keysByConnection.get(connection.id) ?? new Set();
      keysByConnection.set(connection.id, keys.add(keyId));
    }
    return use;
  }

  function pairUp(
    use: Use,
    key: UsedKey,
    atMs: number,
    policiesOf: (other: Use) => OverlapPolicy[],
  ): Overlap[] {
    const others = usesByKey.get(key.id);
    if (key.userId === undefined || others === undefined || others.size < 2) return [];
    const found: Overlap[] = [];
    for (const other of others.values()) {
      if (other === use) continue;
      for (const policy of policiesOf(other)) {
        if (use.overlaps.has(`${policy}:${other.connection.id}`)) continue;
        const overlap = describe(policy, other, use, key, atMs);
        use.overlaps.set(`${policy}:${other.connection.id}`, overlap);
        other.overlaps.set(`${policy}:${use.connection.id}`, overlap);
        found.push(overlap);
      }
    }
    return found;
  }

  return {
    frame(connection, key, atMs) {
      if (connection.isMedia) return [];
      const use = useOf(connection, key.id);
      return pairUp(use, key, atMs, (other) =>
        other.connection.address === connection.address
          ? ["any-two-connections"]
          : ["any-two-connections", "by-address"],
      );
    },
    requestStarted(connection, key, atMs) {
      if (connection.isMedia) return [];
      const use = useOf(connection, key.id);
      ordinal += 1;
      const spanStart = (use.requestFirst ??= ordinal);
      use.requestLast = ordinal;
      use.requestsOpen += 1;
      return pairUp(use, key, atMs, (other) =>
        other.requestsOpen > 0 || other.requestLast > spanStart ? ["parallel-requests"] : [],
      );
    },
    requestEnded(connection, keyId) {
      const use = usesByKey.get(keyId)?.get(connection.id);
      if (use !== undefined && use.requestsOpen > 0) use.requestsOpen -= 1;
    },
    closed(connection, atMs) {
      for (const keyId of keysByConnection.get(connection.id) ?? []) {
        const uses = usesByKey.get(keyId);
        for (const overlap of uses?.get(connection.id)?.overlaps.values() ?? []) {
          overlap.toMs ??= atMs;
        }
        uses?.delete(connection.id);
        if (uses?.size === 0) usesByKey.delete(keyId);
      }
      keysByConnection.delete(connection.id);
    },
  };
}

function describe(
  policy: OverlapPolicy,
  first: Use,
  second: Use,
  key: UsedKey,
  atMs: number,
): Overlap {
  const [older, newer] =
    first.connection.id < second.connection.id ? [first, second] : [second, first];
  return {
    policy,
    authKeyId: key.id,
    userId: key.userId,
    connectionIds: [older.connection.id, newer.connection.id],
    addresses: [older.connection.address, newer.connection.address],
    fromMs: atMs,
    toMs: undefined,
  };
}
