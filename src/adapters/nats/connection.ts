import { JetStreamApiError } from "@nats-io/jetstream";
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

/** JetStream's codes for what is not there. */
const absentCodes: ReadonlySet<number> = new Set([
  /** No such stream. */ 10059, /** No such message. */ 10037,
]);

/** null where the stream or the message that was asked for is not there. */
export async function unlessAbsent<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof JetStreamApiError && absentCodes.has(error.code)) return null;
    throw error;
  }
}
