import { JetStreamApiError } from "@nats-io/jetstream";

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
