import type { Connection, TlObject } from "../seam.ts";
import type { AuthKeys } from "./auth-keys.ts";
import type { Faults } from "./faults.ts";

/** The open connections of each key, and the pushes to them. */
export interface Pushes {
  opened(connection: Connection, authKeyId: string): void;
  closed(connection: Connection): void;
  connectionsOf(authKeyId: string): Iterable<Connection>;
  /**
   * Pushes to every connection of the account's logged-in keys that wants updates, except the one
   * that caused it. A `lose-update` fault drops it for all of them.
   * @returns the connections that got it
   */
  toUser(userId: bigint, updates: TlObject, except?: Connection): Connection[];
  /** Pushes to the connections of one key, logged in or not. */
  toKey(authKeyId: string, updates: TlObject): void;
}

export function createPushes(deps: { authKeys: AuthKeys; faults: Faults }): Pushes {
  const { authKeys, faults } = deps;
  const byKey = new Map<string, Set<Connection>>();
  const keysOf = new Map<Connection, Set<string>>();

  function send(connection: Connection, userId: bigint | undefined, updates: TlObject): boolean {
    if (connection.isMedia || !connection.wantsUpdates) return false;
    const target = { userId, authKeyId: connection.authKeyId };
    if (faults.strike(["blackhole"], target) !== undefined) return false;
    connection.push(updates);
    return true;
  }

  return {
    opened(connection, authKeyId) {
      const connections = byKey.get(authKeyId) ?? new Set();
      if (connections.has(connection)) return;
      byKey.set(authKeyId, connections.add(connection));
      keysOf.set(connection, (keysOf.get(connection) ?? new Set()).add(authKeyId));
    },
    closed(connection) {
      for (const authKeyId of keysOf.get(connection) ?? []) {
        const connections = byKey.get(authKeyId);
        connections?.delete(connection);
        if (connections?.size === 0) byKey.delete(authKeyId);
      }
      keysOf.delete(connection);
    },
    connectionsOf: (authKeyId) => byKey.get(authKeyId) ?? [],
    toUser(userId, updates, except) {
      const keys = authKeys.ofUser(userId);
      if (keys.length === 0) return [];
      if (faults.strike(["lose-update"], { userId }) !== undefined) return [];
      const reached: Connection[] = [];
      for (const key of keys) {
        for (const connection of byKey.get(key.id) ?? []) {
          if (connection !== except && send(connection, userId, updates)) reached.push(connection);
        }
      }
      return reached;
    },
    toKey(authKeyId, updates) {
      for (const connection of byKey.get(authKeyId) ?? []) send(connection, undefined, updates);
    },
  };
}
