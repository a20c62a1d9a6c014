import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join, relative, resolve } from "node:path";
import { type BrokerUser, publicKeyOf } from "../adapters/nats/broker-keys.ts";
import { isAtLeast } from "../adapters/nats/server.ts";
import { identityOfCreds, type NatsAccess } from "../config/nats-access.ts";
import { HoldfastError } from "../errors.ts";
import { childEnvironment } from "./child-environments.ts";
import { findNats } from "./nats-binary.ts";
import { adoptStreams, openBrokerFolder } from "./nats-keys.ts";
import type { Log } from "./process-records.ts";
import { launch, type Managed } from "./processes.ts";

export interface EmbeddedNats {
  /** nats://127.0.0.1:PORT */
  readonly url: string;
  /** The credentials of gate, node and operator. */
  credsFile(user: string): string;
  /** The public key of the operator's credentials. */
  readonly operatorKey: string;
  /** By this another server knows the same users. */
  readonly accountsFile: string;
  /** The address, with the credentials of one user. */
  access(user: string): NatsAccess;
  readonly pid: number;
  /** As the running server says. */
  readonly version: string;
  readonly process: Managed;
  stop(): Promise<void>;
}

export interface NatsOptions {
  readonly home: string;
  readonly log: Log;
  /** Default: the environment of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default true: each write reaches the disk before its acknowledgement (servers from 2.10). */
  readonly syncAlways?: boolean;
  /** As for PostgreSQL. */
  readonly endsWithParent?: boolean;
  /** Users beside gate, node and operator, each with a file of credentials by its name. */
  readonly users?: readonly BrokerUser[];
}

const readyMsMax = 20_000;
const infoMsMax = 5_000;

function configuration(storeFolder: string, accountsFile: string, syncAlways: boolean): string {
  return [
    "# Written at every start; changes are lost.",
    `include ${JSON.stringify(relative(storeFolder, accountsFile))}`,
    `host: "127.0.0.1"`,
    "port: -1",
    "server_name: embedded",
    "jetstream {",
    `  store_dir: ${JSON.stringify(storeFolder)}`,
    "  max_memory_store: 64MB",
    "  max_file_store: 4GB",
    ...(syncAlways ? ["  sync_interval: always"] : []),
    "}",
    "",
  ].join("\n");
}

interface ServerInfo {
  readonly version: string;
  readonly jetstream?: unknown;
}

function isServerInfo(value: unknown): value is ServerInfo {
  return (
    typeof value === "object" &&
    value !== null &&
    "version" in value &&
    typeof value.version === "string"
  );
}

/** The INFO line that a NATS server sends to every new connection. */
function readInfo(port: number): Promise<ServerInfo> {
  return new Promise((done, fail) => {
    let text = "";
    const socket = connect({ host: "127.0.0.1", port });
    socket.setEncoding("utf8");
    socket.setTimeout(infoMsMax, () => socket.destroy(new Error("the server sent no INFO")));
    socket.on("error", fail);
    socket.on("data", (chunk: string) => {
      text += chunk;
      const json = /^INFO (\{.*\})/.exec(text)?.[1];
      if (json === undefined) return;
      socket.destroy();
      const info: unknown = JSON.parse(json);
      if (isServerInfo(info)) done(info);
      else fail(new Error("the server's INFO names no version"));
    });
  });
}

async function untilReady(managed: Managed, expectedVersion: string): Promise<number> {
  try {
    const listening = await managed.line(
      /Listening for client connections on .*:(\d+)/,
      readyMsMax,
    );
    const ready = listening && (await managed.line(/Server is ready/, readyMsMax));
    if (!ready) throw new Error(managed.lastLines().slice(-3).join(" / ") || "it said nothing");
    const port = Number(listening[1]);
    const info = await readInfo(port);
    if (info.version !== expectedVersion)
      throw new Error(`version ${expectedVersion} was started but ${info.version} answers`);
    if (info.jetstream !== true) throw new Error("it runs without JetStream");
    managed.addPorts([port]);
    return port;
  } catch (cause) {
    await managed.stop();
    throw new HoldfastError({
      code: "NATS_NOT_READY",
      message: `nats-server did not become ready: ${cause instanceof Error ? cause.message : String(cause)}.`,
      next: "Read logs/nats.log in the home; the data stay as they are.",
      cause,
    });
  }
}

/**
 * Starts a nats-server with JetStream on a free loopback port, with its data in `home`. It ends as
 * the server of `startPostgres` does. Errors: NATS_SERVER_NOT_FOUND, NATS_SERVER_UNUSABLE,
 * NATS_NOT_READY.
 */
export async function startNats(options: NatsOptions): Promise<EmbeddedNats> {
  const { home, log, env = process.env, syncAlways = true } = options;
  const binary = await findNats({ home, env, log });
  const folder = resolve(home, "nats");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, "nats.conf");
  // Older servers do not start with this setting.
  const sync = syncAlways && isAtLeast(binary.version, "2.10.0");
  const broker = await openBrokerFolder(folder, options.users);
  if (adoptStreams(folder, publicKeyOf(broker.keys.accounts.HOLDFAST)))
    log("the streams of the version before belong to the service's account now");
  writeFileSync(file, configuration(folder, broker.accountsFile, sync), { mode: 0o600 });
  const managed = await launch({
    home,
    name: "nats",
    command: binary.file,
    args: ["--config", file],
    env: childEnvironment("nats", env),
    cwd: folder,
    endsWithParent: options.endsWithParent ?? false,
  });
  const port = await untilReady(managed, binary.version);
  const stop = async () => void (await managed.stop());
  const url = `nats://127.0.0.1:${port}`;
  return {
    url,
    access: (user) => ({ ...identityOfCreds(broker.credsFile(user)), url }),
    credsFile: broker.credsFile,
    operatorKey: broker.operatorKey,
    accountsFile: broker.accountsFile,
    pid: managed.pid,
    version: binary.version,
    process: managed,
    stop,
  };
}
