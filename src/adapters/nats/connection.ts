import { connect, type NatsConnection } from "@nats-io/transport-node";
import { HoldfastError } from "../../errors.ts";
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

/** `url` may name several servers, separated by commas. Throws NATS_UNAVAILABLE, NATS_TOO_OLD. */
export async function connectNats(url: string, name: string): Promise<NatsConnection> {
  const nats = await reach(url, name);
  try {
    refuseOldServer(nats);
    return nats;
  } catch (error) {
    await nats.close();
    throw error;
  }
}

async function reach(url: string, name: string): Promise<NatsConnection> {
  try {
    return await connect({ ...options, servers: url.split(","), name });
  } catch (cause) {
    throw new HoldfastError({
      code: "NATS_UNAVAILABLE",
      message: `NATS does not answer at ${url.replaceAll(/\/\/[^@/,]*@/g, "//")}.`,
      next: "Check that nats-server runs and that HOLDFAST_NATS_URL names it.",
      policy: "retryable",
      cause,
    });
  }
}
