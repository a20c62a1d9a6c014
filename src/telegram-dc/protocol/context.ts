import type { World } from "../seam.ts";
import type { ProtocolClock } from "./clock.ts";
import type { ServerRsaKey } from "./crypto/rsa-key.ts";
import type { KeyStore } from "./keys/key-store.ts";
import type { MessageIdSource } from "./messages/message-id.ts";
import type { ProtocolStats } from "./stats.ts";
import type { LayerRegistry } from "./tl/layer-registry.ts";

/** State that all connections of one data centre share. */
export interface ProtocolContext {
  readonly world: World;
  readonly dcId: number;
  readonly clock: ProtocolClock;
  readonly rsa: ServerRsaKey;
  readonly keys: KeyStore;
  readonly schemas: LayerRegistry;
  readonly messageIds: MessageIdSource;
  readonly stats: ProtocolStats;
  readonly limits: ProtocolLimits;
  /** Receives errors of handlers, and answers that could not be written. */
  readonly onIncident: (incident: ProtocolIncident) => void;
}

/** Bounds of one data centre. */
export interface ProtocolLimits {
  /** Messages kept per session until the client acknowledges them. */
  readonly unackedMax: number;
  readonly sessionsPerKeyMax: number;
  /** Unsent bytes that a connection may hold while its client does not read. */
  readonly unsentBytesMax: number;
  /** Answers longer than this are sent packed if that makes them smaller. */
  readonly packFromBytes: number;
}

export const defaultLimits: ProtocolLimits = {
  unackedMax: 1_000,
  sessionsPerKeyMax: 64,
  unsentBytesMax: 16 * 1024 * 1024,
  packFromBytes: 512,
};

/** An event for the data centre's owner to look at. */
export interface ProtocolIncident {
  readonly code: "HANDLER_FAILED" | "ANSWER_NOT_ENCODABLE" | "HANDSHAKE_REFUSED";
  readonly message: string;
  readonly cause?: unknown;
}

/** Counts and reports a value of the world that the client's layer cannot express. */
export function reportUnencodable(context: ProtocolContext, what: string, cause: unknown): void {
  context.stats.unencodableAnswers++;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `${what} cannot be written: ${reason}`;
  context.onIncident({ code: "ANSWER_NOT_ENCODABLE", message, cause });
}
