import type { Connection } from "../seam.ts";
import { type Clock, randomLong, type RandomSource } from "./clock.ts";
import type { WorldConfig } from "./config.ts";
import type { LedgerWriter } from "./ledger/ledger.ts";
import type { AuthKeyRecord, User } from "./model.ts";
import { RpcError, unauthorised } from "./rpc-error.ts";
import { createTopic, type Topic } from "./topic.ts";
import type { Users } from "./users.ts";

/** The auth keys and their logins. */
export interface AuthKeys {
  ensure(authKeyId: string): AuthKeyRecord;
  restore(key: AuthKeyRecord): void;
  get(authKeyId: string): AuthKeyRecord | undefined;
  all(): Iterable<AuthKeyRecord>;
  /** The keys that are logged in to an account now. */
  ofUser(userId: bigint): AuthKeyRecord[];
  authorise(key: AuthKeyRecord, user: User): void;
  /** Forgets the key's account; the key itself may log in again. */
  logOut(key: AuthKeyRecord): void;
  /** Ended by another session: one call hears so, then the key counts as unregistered. */
  revoke(key: AuthKeyRecord): void;
  /** Used twice at once: never usable again. */
  killDuplicated(key: AuthKeyRecord): void;
  /** The account behind the key. @throws RpcError 401 with Telegram's reason. */
  requireUser(key: AuthKeyRecord): User;
  /** The error for a call of a duplicated key; undefined for a living key. */
  deathAnswer(key: AuthKeyRecord): RpcError | undefined;
  readonly authorised: Topic<{ key: AuthKeyRecord; user: User }>;
}

export interface AuthKeysDeps {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly config: WorldConfig;
  readonly users: Users;
  readonly ledger: LedgerWriter;
  /** Forgets the key at transport level. */
  readonly destroyKey: (authKeyId: string) => void;
}

export function createAuthKeys(deps: AuthKeysDeps): AuthKeys {
  const { clock, random, config, users, ledger } = deps;
  const keys = new Map<string, AuthKeyRecord>();
  const byUser = new Map<bigint, Set<AuthKeyRecord>>();
  const authorised = createTopic<{ key: AuthKeyRecord; user: User }>();

  function write(
    key: AuthKeyRecord,
    event: Parameters<LedgerWriter["keyEvent"]>[0]["event"],
    userId = key.userId,
  ): void {
    ledger.keyEvent({ authKeyId: key.id, atMs: clock.nowMs(), event, userId });
  }
  function index(key: AuthKeyRecord): void {
    if (key.userId === undefined) return;
    byUser.set(key.userId, (byUser.get(key.userId) ?? new Set()).add(key));
  }
  function detach(key: AuthKeyRecord): void {
    if (key.userId !== undefined) byUser.get(key.userId)?.delete(key);
    key.userId = undefined;
    key.authorisationHash = undefined;
    key.authorisedAtMs = undefined;
    key.passwordPendingUserId = undefined;
  }
  function restore(key: AuthKeyRecord): void {
    keys.set(key.id, key);
    index(key);
  }

  return {
    authorised,
    restore,
    ensure(authKeyId) {
      let key = keys.get(authKeyId);
      if (key === undefined) {
        key = newKey(authKeyId, clock.nowMs());
        keys.set(authKeyId, key);
        write(key, "created");
      }
      return key;
    },
    get: (authKeyId) => keys.get(authKeyId),
    all: () => keys.values(),
    ofUser: (userId) => [...(byUser.get(userId) ?? [])],
    authorise(key, user) {
      detach(key);
      key.userId = user.id;
      key.authorisationHash = randomLong(random);
      key.authorisedAtMs = clock.nowMs();
      key.death = undefined;
      index(key);
      write(key, "authorised");
      authorised.publish({ key, user });
    },
    logOut(key) {
      write(key, "logged-out");
      detach(key);
    },
    revoke(key) {
      write(key, "revoked");
      detach(key);
      key.death = { reason: "revoked", atMs: clock.nowMs(), answers: 0 };
    },
    killDuplicated(key) {
      if (key.death?.reason === "duplicated") return;
      write(key, "duplicated");
      detach(key);
      key.death = { reason: "duplicated", atMs: clock.nowMs(), answers: 0 };
    },
    requireUser(key) {
      const user = key.userId === undefined ? undefined : users.get(key.userId);
      if (user === undefined) throw refusalOf(key);
      if (user.deactivated === "banned") throw unauthorised("USER_DEACTIVATED_BAN");
      if (user.deactivated === "deactivated") throw unauthorised("USER_DEACTIVATED");
      return user;
    },
    deathAnswer(key) {
      if (key.death?.reason !== "duplicated") return undefined;
      key.death.answers += 1;
      if (key.death.answers <= config.duplicatedAnswers406) {
        return new RpcError(406, "AUTH_KEY_DUPLICATED");
      }
      if (key.death.answers === config.duplicatedAnswers406 + config.duplicatedAnswers401) {
        write(key, "destroyed");
        deps.destroyKey(key.id);
      }
      return unauthorised("AUTH_KEY_UNREGISTERED");
    },
  };
}

function newKey(id: string, createdAtMs: number): AuthKeyRecord {
  return {
    id,
    createdAtMs,
    userId: undefined,
    passwordPendingUserId: undefined,
    authorisationHash: undefined,
    authorisedAtMs: undefined,
    activeAtMs: createdAtMs,
    address: "",
    identity: undefined,
    death: undefined,
  };
}

function refusalOf(key: AuthKeyRecord): RpcError {
  if (key.passwordPendingUserId !== undefined) return unauthorised("SESSION_PASSWORD_NEEDED");
  if (key.death?.reason === "revoked" && key.death.answers === 0) {
    key.death.answers += 1;
    return unauthorised("SESSION_REVOKED");
  }
  return unauthorised("AUTH_KEY_UNREGISTERED");
}

/** Records the key's last use, for the list of authorisations. */
export function noteUse(key: AuthKeyRecord, connection: Connection, atMs: number): void {
  key.activeAtMs = atMs;
  key.address = connection.address;
  key.identity = connection.identity ?? key.identity;
}
