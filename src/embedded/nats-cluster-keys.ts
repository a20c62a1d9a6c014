import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readCreds } from "../adapters/nats/broker-keys.ts";
import { HoldfastError } from "../errors.ts";
import { openBrokerFolder } from "./nats-keys.ts";
import { writeFileAtomically } from "./process-records.ts";

const routePort = 6222;

export interface ClusterKeys {
  /** The files that were written. */
  readonly files: readonly string[];
  /** The operator's public key, for HOLDFAST_OPERATORS on every host. */
  readonly operator: string;
}

/** The lines by which servers form a cluster that no other server can join. */
function clusterLines(servers: readonly string[], password: string): string {
  return [
    "cluster {",
    "  name: holdfast",
    `  port: ${routePort}`,
    `  authorization { user: route, password: "${password}" }`,
    "  routes: [",
    ...servers.map((server) => `    nats-route://route:${password}@${server}:${routePort}`),
    "  ]",
    "}",
    "",
  ].join("\n");
}

/** The password that an earlier call chose, so that running servers and new ones still know each other. */
const passwordIn = (file: string): string | null =>
  existsSync(file)
    ? (/password: "([0-9a-f]+)"/.exec(readFileSync(file, "utf8"))?.[1] ?? null)
    : null;

/**
 * Makes the keys of a broker of several servers, or writes their files again: `server/` for each server to include, and
 * the credentials of gate, node and operator. Throws SERVER_NAME_MALFORMED, BROKER_KEYS_BROKEN.
 */
export async function writeClusterKeys(
  folder: string,
  servers: readonly string[],
): Promise<ClusterKeys> {
  for (const server of servers) {
    if (/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(server)) continue;
    throw new HoldfastError({
      code: "SERVER_NAME_MALFORMED",
      message: `${JSON.stringify(server)} is no host name; nothing was written.`,
      next: "Give the names by which the servers reach each other: --servers nats-1,nats-2,nats-3",
    });
  }
  const broker = await openBrokerFolder(folder);
  const clusterFile = join(folder, "server", "cluster.conf");
  mkdirSync(join(folder, "server"), { recursive: true, mode: 0o700 });
  const password = passwordIn(clusterFile) ?? randomBytes(24).toString("hex");
  writeFileAtomically(clusterFile, clusterLines(servers, password));
  const operator = readCreds(readFileSync(broker.credsFile("operator"), "utf8"));
  return {
    files: [
      broker.accountsFile,
      clusterFile,
      ...["gate", "node", "operator"].map((user) => broker.credsFile(user)),
    ],
    operator: operator?.publicKey ?? "",
  };
}
