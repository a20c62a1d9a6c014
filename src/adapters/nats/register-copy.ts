import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";
import { errorLine, HoldfastError } from "../../errors.ts";
import { unlessAbsent } from "./absent.ts";

/** One value of a register, as it stands there. */
export interface CopiedEntry {
  readonly key: string;
  /** null where it is no JSON. */
  readonly value: unknown;
  readonly revision: number;
  /** When the server took it, in milliseconds since 1970 by the server's clock. */
  readonly atMs: number;
}

/**
 * Every value of a register; null where there is no such register: none is made. Throws REGISTER_CLOSED for a user who
 * may not look, and for a server without JetStream.
 */
export async function copyRegister(
  nats: NatsConnection,
  bucket: string,
): Promise<readonly CopiedEntry[] | null> {
  try {
    const manager = await jetstreamManager(nats, { checkAPI: false });
    if ((await unlessAbsent(manager.streams.info(`KV_${bucket}`))) === null) return null;
    const kv = await new Kvm(nats).open(bucket);
    const keys: string[] = [];
    for await (const key of await kv.keys()) keys.push(key);
    const found = await Promise.all(keys.map((key) => kv.get(key)));
    return found.flatMap((entry) => {
      if (entry === null || entry.operation !== "PUT" || entry.length === 0) return [];
      const { key, revision, created } = entry;
      return { key, revision, value: parsed(entry.string()), atMs: created.getTime() };
    });
  } catch (cause) {
    throw closed(`The register ${bucket}`, cause);
  }
}

/** NATS does not show something to this user, or has no JetStream. */
export const closed = (what: string, cause: unknown) =>
  new HoldfastError({
    code: "REGISTER_CLOSED",
    message: `${what} cannot be read with these credentials: ${errorLine(cause)}.`,
    next: "Type this on a host, or name the node's credentials in HOLDFAST_NATS_NODE_CREDS.",
    cause,
  });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
