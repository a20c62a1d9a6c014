import { jetstreamManager, StorageType } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { unlessAbsent } from "./absent.ts";
import { closed } from "./register-copy.ts";

/** How a stream is kept. */
export interface StreamFacts {
  readonly name: string;
  readonly replicas: number;
  readonly onDisk: boolean;
  /** Replicas that are away or behind. */
  readonly lagging: number;
  /** The server's clock, in milliseconds since 1970; null: an older server does not tell. */
  readonly nowMs: number | null;
}

/** Of those of these streams that are there. Throws REGISTER_CLOSED. */
export function readStreams(
  nats: NatsConnection,
  names: readonly string[],
): Promise<readonly StreamFacts[]> {
  return read(nats, names).catch((cause: unknown) => {
    throw closed("What NATS says of its streams", cause);
  });
}

async function read(
  nats: NatsConnection,
  names: readonly string[],
): Promise<readonly StreamFacts[]> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  const found = await Promise.all(
    names.map(async (name) => {
      const info = await unlessAbsent(manager.streams.info(name));
      if (info === null) return [];
      const { ts } = info as { readonly ts?: unknown };
      const nowMs = typeof ts === "string" ? Date.parse(ts) : Number.NaN;
      return {
        name,
        replicas: info.config.num_replicas,
        onDisk: info.config.storage === StorageType.File,
        lagging: (info.cluster?.replicas ?? []).filter(
          ({ offline, current }) => offline || !current,
        ).length,
        nowMs: Number.isNaN(nowMs) ? null : nowMs,
      };
    }),
  );
  return found.flat();
}
