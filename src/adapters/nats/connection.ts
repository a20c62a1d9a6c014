import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { NatsAccess } from "../../config/nats-access.ts";
import { readAccess } from "./access.ts";
import { refusalOf, refuseOpenServer } from "./refusals.ts";
import { refuseOldServer } from "./server.ts";

/**
 * Short pings and endless reconnects: the library's defaults notice a dead server after minutes. No stack is kept for
 * each request: it says nothing that the error itself does not, and costs as much as the request.
 */
const options = {
  pingInterval: 1000,
  maxPingOut: 2,
  timeout: 1000,
  maxReconnectAttempts: -1,
  noAsyncTraces: true,
};

/** How patient a connection is. */
export interface NatsPace {
  /** One dial, and one request without a time of its own, in ms. */
  readonly timeoutMs?: number;
  /** False: a lost connection stays lost. */
  readonly comesBack?: boolean;
}

/**
 * The one way to a NATS server, for every program here. Throws NATS_UNAVAILABLE, NATS_TOO_OLD, NATS_OPEN, the errors of
 * `readAccess`, and those of `refusalOf`. Nothing is sent to a server that should be encrypted and is not.
 */
export async function connectNats(
  access: NatsAccess,
  name: string,
  pace: NatsPace = {},
): Promise<NatsConnection> {
  const read = readAccess(access);
  const nats = await connect({
    ...options,
    ...(pace.timeoutMs !== undefined && { timeout: pace.timeoutMs }),
    // Not by a bound of 0 tries: then the library drops a server that is up with each that is not.
    ...(pace.comesBack === false && { reconnect: false }),
    ...read.options,
    name,
  }).catch((cause: unknown) => Promise.reject(refusalOf(cause, access, read)));
  try {
    refuseOldServer(nats);
    if (access.mustAsk) refuseOpenServer(nats, access);
    return nats;
  } catch (error) {
    await nats.close();
    throw error;
  }
}
