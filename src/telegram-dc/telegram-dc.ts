import { createPrivateKey, type KeyObject, randomBytes } from "node:crypto";
import { type ControlServer, startControlServer } from "./control/control-server.ts";
import {
  createProtocolServer,
  generateRsaKey,
  type ProtocolServer,
  type ProtocolServerOptions,
} from "./protocol/server.ts";
import { loadBuiltInLayers, loadSchemaFile } from "./protocol/tl/load-schemas.ts";
import { restoreSnapshot, takeSnapshot } from "./state/snapshot.ts";
import { openStateFile, readStateFile, type StateFile } from "./state/state-file.ts";
import {
  type Clock,
  createSystemClock,
  createSystemRandom,
  type RandomSource,
} from "./world/clock.ts";
import { defaultWorldConfig, type WorldConfig } from "./world/config.ts";
import { ControlError } from "./world/control-error.ts";
import type { Ledger } from "./world/ledger/ledger-records.ts";
import { createPhone } from "./world/phone/phone.ts";
import type { Phone } from "./world/phone/phone-port.ts";
import { createWorld, type SimulatedWorld } from "./world/world.ts";

export interface TelegramDcOptions {
  /** Address to listen on; loopback by default. */
  readonly host?: string | undefined;
  /** 0, the default, takes any free port. */
  readonly port?: number | undefined;
  readonly mediaPort?: number | undefined;
  /** Port of the control API; without it there is none. */
  readonly controlPort?: number | undefined;
  /** The bearer token of the control API; a random one by default. */
  readonly controlToken?: string | undefined;
  /** Deviations from the default figures of the simulated world. */
  readonly config?: Partial<WorldConfig> | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomSource | undefined;
  /** A 2048-bit RSA private key; by default the state file's, or a new one. */
  readonly rsaKey?: KeyObject | undefined;
  /** `.tl` files with further layers. */
  readonly schemaFiles?: readonly string[] | undefined;
  /** Keeps accounts, keys and message boxes between two runs. */
  readonly stateFile?: string | undefined;
}

/** A running data centre. */
export interface TelegramDc {
  readonly host: string;
  readonly port: number;
  /** The address where several connections may use one key at once. */
  readonly mediaPort: number;
  readonly dcId: number;
  /** PKCS#1 PEM, the form in which client libraries keep Telegram's keys. */
  readonly rsaPublicKeyPem: string;
  readonly fingerprint: bigint;
  /** Plays the people. */
  readonly phone: Phone;
  /** The record of all events, for judges. */
  readonly ledger: Ledger;
  /** Counters of the protocol, such as salts refused and unknown constructors. */
  readonly protocolStats: ProtocolServer["stats"];
  readonly controlUrl: string | undefined;
  /** Shown to the control API as `Authorization: Bearer …`; undefined without one. */
  readonly controlToken: string | undefined;
  /** Ends every key's salts, as Telegram does every half hour. */
  rotateSalt(authKeyId: string): boolean;
  /** Resets every connection, closes every port and writes the state file. */
  close(): Promise<void>;
}

/**
 * Starts a simulated Telegram data centre.
 * @throws ControlError PORT_IN_USE, ADDRESS_UNUSABLE, BAD_STATE; nothing is left running then
 */
export async function startTelegramDc(options: TelegramDcOptions = {}): Promise<TelegramDc> {
  const config = { ...defaultWorldConfig, ...options.config };
  const clock = options.clock ?? createSystemClock();
  const random = options.random ?? createSystemRandom();
  const { host = "127.0.0.1", port = 0, stateFile } = options;
  const saved = stateFile === undefined ? undefined : readStateFile(stateFile);
  const rsaKey =
    options.rsaKey ??
    (saved === undefined ? generateRsaKey() : createPrivateKey(saved.rsaPrivateKeyPem));
  const world = createWorld({ clock, random, config, secret: saved?.secret });
  const protocol = createProtocolServer({
    ...protocolOptions(options, world, config),
    host,
    port,
    clock,
    rsaKey,
  });
  if (saved !== undefined) restoreSnapshot(saved, world.parts, protocol.registry);
  const state = keepState(stateFile, world, protocol, rsaKey);
  const address = await listen(protocol, host, port);
  world.attach(protocol.registry, address);
  const phone = createPhone(world.parts);
  const running = {
    ...address,
    dcId: config.dcId,
    rsaPublicKeyPem: protocol.rsaPublicKeyPem,
    fingerprint: protocol.fingerprint,
    phone,
    ledger: world.parts.ledger,
    protocolStats: protocol.stats,
    kept: () => state?.written() ?? Promise.resolve(),
    rotateSalt: (authKeyId: string) => protocol.registry.rotateSalt(authKeyId),
  };
  let control: ControlServer | undefined;
  const token = options.controlToken ?? randomBytes(32).toString("base64url");
  if (options.controlPort !== undefined) {
    try {
      control = await startControlServer(running, { port: options.controlPort, token }, clock);
    } catch (error) {
      await protocol.close();
      throw listenError(error, "127.0.0.1", options.controlPort);
    }
  }
  return {
    ...running,
    controlUrl: control?.url,
    controlToken: control === undefined ? undefined : token,
    async close() {
      await control?.close();
      await protocol.close();
      await state?.close();
    },
  };
}

function protocolOptions(
  options: TelegramDcOptions,
  world: SimulatedWorld,
  config: WorldConfig,
): Pick<ProtocolServerOptions, "world" | "dcId" | "schemas" | "onIncident"> & {
  mediaPort?: number;
} {
  const schemas = loadBuiltInLayers();
  for (const path of options.schemaFiles ?? []) loadSchemaFile(schemas, path);
  return {
    world,
    dcId: config.dcId,
    schemas,
    ...(options.mediaPort === undefined ? {} : { mediaPort: options.mediaPort }),
    onIncident(incident) {
      // A refused handshake is the client's fault; the protocol's statistics count it.
      if (incident.code === "HANDSHAKE_REFUSED") return;
      world.parts.ledger.internalError(incident.cause ?? `${incident.code}: ${incident.message}`);
    },
  };
}

async function listen(
  protocol: ProtocolServer,
  host: string,
  port: number,
): Promise<{ host: string; port: number; mediaPort: number }> {
  try {
    return await protocol.listen();
  } catch (error) {
    throw listenError(error, host, port);
  }
}

function listenError(error: unknown, host: string, port: number): ControlError {
  const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  return isTaken
    ? new ControlError(
        "PORT_IN_USE",
        500,
        `port ${port} of ${host} is in use by another program; give another port, or 0 for any free one`,
        { cause: error },
      )
    : new ControlError(
        "ADDRESS_UNUSABLE",
        500,
        `cannot listen on ${host}, port ${port} (${error instanceof Error ? error.message : String(error)}); give an address of this machine and a port that you may open`,
        { cause: error },
      );
}

function keepState(
  path: string | undefined,
  world: SimulatedWorld,
  protocol: ProtocolServer,
  rsaKey: KeyObject,
): StateFile | undefined {
  if (path === undefined) return undefined;
  const pem = rsaKey.export({ format: "pem", type: "pkcs8" }).toString();
  const state = openStateFile(
    path,
    () => takeSnapshot(world.parts, protocol.registry, pem),
    (error) => {
      world.parts.ledger.internalError(error);
    },
  );
  world.parts.changed.subscribe(() => {
    state.touch();
  });
  return state;
}
