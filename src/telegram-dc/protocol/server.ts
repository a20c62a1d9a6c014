import { type KeyObject, generateKeyPairSync } from "node:crypto";
import { type AddressInfo, type Server, createServer } from "node:net";
import type { Connection, KeyRegistry, World } from "../seam.ts";
import { type ProtocolClock, createSystemClock } from "./clock.ts";
import { serveConnection } from "./connection.ts";
import {
  defaultLimits,
  type ProtocolContext,
  type ProtocolIncident,
  type ProtocolLimits,
} from "./context.ts";
import { initIge } from "./crypto/ige.ts";
import { createServerRsaKey } from "./crypto/rsa-key.ts";
import { type KeyStore, createKeyStore } from "./keys/key-store.ts";
import { createMessageIdSource } from "./messages/message-id.ts";
import { type ProtocolStats, createProtocolStats } from "./stats.ts";
import type { LayerRegistry } from "./tl/layer-registry.ts";
import { loadBuiltInLayers } from "./tl/load-schemas.ts";

export interface ProtocolServerOptions {
  readonly world: World;
  readonly dcId: number;
  /** Address to listen on. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Port of the media address, 0 or absent for any free port. */
  readonly mediaPort?: number;
  /** A 2048-bit private key; without it a new one is made. */
  readonly rsaKey?: KeyObject;
  /** Layers to speak; by default those of the installed client libraries. */
  readonly schemas?: LayerRegistry;
  readonly clock?: ProtocolClock;
  readonly limits?: Partial<ProtocolLimits>;
  /** Receives errors of handlers, answers that could not be written and refused key exchanges. */
  readonly onIncident?: (incident: ProtocolIncident) => void;
}

/** The keys of a protocol server, as its owner may change them. */
interface ProtocolKeyRegistry extends KeyRegistry {
  /** Ends the salts of a key and of the temporary keys bound to it; false when there is no such key. */
  rotateSalt(authKeyId: string): boolean;
}

/** The half of a data centre that speaks MTProto. */
export interface ProtocolServer {
  /** Opens both addresses. Rejects with the system's error when a port is taken. */
  listen(): Promise<{ host: string; port: number; mediaPort: number }>;
  /** Resets every connection and closes both addresses. */
  close(): Promise<void>;
  readonly registry: ProtocolKeyRegistry;
  /** PKCS#1 PEM. */
  readonly rsaPublicKeyPem: string;
  readonly fingerprint: bigint;
  readonly schemas: LayerRegistry;
  readonly stats: ProtocolStats;
}

const rsaBits = 2048;

const fingerprintFullWidth = 1n << 60n;
const keyTriesMax = 64;

/**
 * Makes a data centre's RSA key. mtcute writes fingerprints in hexadecimal without leading zeros,
 * and then fails to find a key whose fingerprint begins with a zero. One key in sixteen does; those
 * are thrown away.
 */
export function generateRsaKey(): KeyObject {
  for (let tries = 1; ; tries++) {
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: rsaBits,
      publicExponent: 65_537,
    });
    const fingerprint = BigInt.asUintN(64, createServerRsaKey(privateKey).fingerprint);
    if (fingerprint >= fingerprintFullWidth || tries === keyTriesMax) return privateKey;
  }
}

/** Puts the protocol together; it listens only after `listen`. */
export function createProtocolServer(options: ProtocolServerOptions): ProtocolServer {
  initIge();
  const clock = options.clock ?? createSystemClock();
  const keys = createKeyStore(clock);
  const rsa = createServerRsaKey(options.rsaKey ?? generateRsaKey());
  const context: ProtocolContext = {
    world: options.world,
    dcId: options.dcId,
    clock,
    rsa,
    keys,
    schemas: options.schemas ?? loadBuiltInLayers(),
    messageIds: createMessageIdSource(clock),
    stats: createProtocolStats(),
    limits: { ...defaultLimits, ...options.limits },
    onIncident: options.onIncident ?? ignoreIncident,
  };
  const connections = new Set<Connection>();
  const main = createListener(context, connections, false);
  const media = createListener(context, connections, true);

  return {
    async listen() {
      const { host } = options;
      const port = await listenOn(main, host, options.port);
      try {
        return { host, port, mediaPort: await listenOn(media, host, options.mediaPort ?? 0) };
      } catch (error) {
        await closeServer(main);
        throw error;
      }
    },
    async close() {
      const closed = Promise.all([closeServer(main), closeServer(media)]);
      for (const connection of connections) connection.close("reset");
      await closed;
    },
    registry: createKeyRegistry(keys, connections),
    rsaPublicKeyPem: rsa.publicKeyPem,
    fingerprint: rsa.fingerprint,
    schemas: context.schemas,
    stats: context.stats,
  };
}

function ignoreIncident(): void {
  // The statistics count incidents as well.
}

function createKeyRegistry(
  keys: KeyStore,
  connections: ReadonlySet<Connection>,
): ProtocolKeyRegistry {
  return {
    exportKeys: () => keys.exportKeys(),
    importKeys: (stored) => {
      keys.importKeys(stored);
    },
    destroyKey(authKeyId) {
      const key = keys.findByHexId(authKeyId);
      if (key !== undefined) keys.destroy(key);
    },
    rotateSalt(authKeyId) {
      const key = keys.findByHexId(authKeyId);
      if (key === undefined) return false;
      key.salts.rotate();
      for (const temporary of keys.temporaryKeysOf(key)) temporary.salts.rotate();
      return true;
    },
    connections: () => connections.values(),
  };
}

function createListener(
  context: ProtocolContext,
  connections: Set<Connection>,
  isMedia: boolean,
): Server {
  return createServer({ noDelay: true, keepAlive: true }, (socket) => {
    context.stats.connections++;
    const connection = serveConnection(context, socket, context.stats.connections, isMedia);
    connections.add(connection);
    socket.once("close", () => {
      connections.delete(connection);
    });
  });
}

function listenOn(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve(readPort(server.address()));
    });
  });
}

function readPort(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") {
    throw new Error("A TCP server has a port.");
  }
  return address.port;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
