import type { Connection, KeyRegistry, RpcCall, RpcOutcome, World } from "../seam.ts";
import { createAuthKeys, noteUse } from "./auth-keys.ts";
import { createCallbacks } from "./callbacks.ts";
import type { Clock, RandomSource } from "./clock.ts";
import type { WorldConfig } from "./config.ts";
import { createFaults } from "./faults.ts";
import { createFiles } from "./files.ts";
import { createLedger } from "./ledger/ledger.ts";
import type { LedgerWriter } from "./ledger/ledger.ts";
import { createLoginCodes } from "./login/login-codes.ts";
import { createLogins } from "./login/logins.ts";
import { createLoginTokens } from "./login/login-tokens.ts";
import { createMethods } from "./methods/all-methods.ts";
import type { DcAddress } from "./methods/help.ts";
import { createOverlapDetector } from "./ledger/overlap.ts";
import type { Overlap } from "./ledger/overlap.ts";
import type { WorldParts } from "./parts.ts";
import { createPost } from "./post.ts";
import { createPushes } from "./pushes.ts";
import { createRpcRunner } from "./rpc-runner.ts";
import { createTopic } from "./topic.ts";
import { createUsers } from "./users.ts";

export interface SimulatedWorld extends World {
  readonly parts: WorldParts;
  /** Connects the world to its protocol half; before that no key can be destroyed. */
  attach(registry: KeyRegistry, address: DcAddress): void;
}

export interface WorldOptions {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly config: WorldConfig;
  /** The secret behind access hashes; a restart passes the stored one. */
  readonly secret?: Buffer | undefined;
}

/**
 * The simulated Telegram behind the protocol. It holds no socket and reads only the clock passed
 * in.
 */
export function createWorld(options: WorldOptions): SimulatedWorld {
  const { clock, config } = options;
  let registry: KeyRegistry | undefined;
  let address: DcAddress = { host: "127.0.0.1", port: 0, mediaPort: 0 };
  const parts = createParts(options, (id) => registry?.destroyKey(id));
  const { authKeys, ledger, faults, pushes, changed } = parts;
  const overlaps = createOverlapDetector();
  const methods = createMethods({
    ...parts,
    random: options.random,
    logins: createLogins({ ...parts, random: options.random }),
    address: () => address,
  });
  const run = createRpcRunner({ ...parts, methods });

  function judge(authKeyId: string, found: readonly Overlap[]): void {
    for (const overlap of found) {
      ledger.overlapped(overlap);
      if (overlap.policy === config.overlapPolicy) {
        authKeys.killDuplicated(authKeys.ensure(authKeyId));
      }
    }
  }

  return {
    parts,
    attach(newRegistry, newAddress) {
      registry = newRegistry;
      address = newAddress;
    },
    onConnect(connection) {
      ledger.connectionOpened(connection, clock.nowMs());
      if (faults.strike(["refuse-connections"], {}) !== undefined) connection.close("reset");
    },
    onAuthKey(_connection, authKeyId, kind) {
      if (kind !== "permanent") return;
      authKeys.ensure(authKeyId);
      changed.publish();
    },
    onFrame(connection) {
      const authKeyId = connection.authKeyId;
      if (authKeyId === undefined) return "accept";
      const key = authKeys.ensure(authKeyId);
      noteFrame(ledger, connection, key.userId, clock.nowMs());
      pushes.opened(connection, authKeyId);
      judge(authKeyId, overlaps.frame(connection, key, clock.nowMs()));
      const target = { userId: key.userId, authKeyId };
      return faults.strike(["blackhole"], target) === undefined ? "accept" : "ignore";
    },
    async onRpc(call: RpcCall): Promise<RpcOutcome> {
      const key = authKeys.ensure(call.authKeyId);
      noteUse(key, call.connection, clock.nowMs());
      const connectionRecord = ledger.connectionOf(call.connection.id);
      if (connectionRecord !== undefined) connectionRecord.requests += 1;
      judge(key.id, overlaps.requestStarted(call.connection, key, clock.nowMs()));
      try {
        return await run(call, key);
      } finally {
        overlaps.requestEnded(call.connection, key.id);
        changed.publish();
      }
    },
    onClose(connection, bytesIn, bytesOut) {
      pushes.closed(connection);
      overlaps.closed(connection, clock.nowMs());
      ledger.connectionClosed(connection.id, clock.nowMs(), bytesIn, bytesOut);
    },
  };
}

function createParts(options: WorldOptions, destroyKey: (id: string) => void): WorldParts {
  const { clock, random, config } = options;
  const ledger = createLedger(config);
  const faults = createFaults();
  const users = createUsers(random, options.secret);
  const authKeys = createAuthKeys({ clock, random, config, users, ledger, destroyKey });
  const pushes = createPushes({ authKeys, faults });
  const post = createPost({ clock, config, users, ledger, pushes });
  return {
    clock,
    config,
    users,
    authKeys,
    post,
    pushes,
    ledger,
    faults,
    files: createFiles({ clock, random }),
    callbacks: createCallbacks({ clock, random, config, users, pushes }),
    codes: createLoginCodes({ clock, random, config, users, authKeys, post }),
    loginTokens: createLoginTokens({ clock, random, config }),
    changed: createTopic<void>(),
  };
}

function noteFrame(
  ledger: LedgerWriter,
  connection: Connection,
  userId: bigint | undefined,
  atMs: number,
): void {
  const record = ledger.connectionOf(connection.id);
  if (record === undefined) return;
  record.authKeyId = connection.authKeyId;
  record.userId = userId;
  record.firstFrameAtMs ??= atMs;
  record.lastFrameAtMs = atMs;
  record.frames += 1;
}
