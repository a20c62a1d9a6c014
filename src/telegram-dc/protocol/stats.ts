/** Counters of one data centre. Every figure counts up from the start of the process. */
export interface ProtocolStats {
  connections: number;
  frames: number;
  calls: number;
  keysMade: number;
  handshakesRefused: number;
  /** Frames of keys that the data centre does not know; each got transport error -404. */
  unknownKeyFrames: number;
  /** Frames that could not be decrypted or were malformed. */
  damagedFrames: number;
  badServerSalts: number;
  /** bad_msg_notification by error code. */
  badMessages: Map<number, number>;
  duplicateMessages: number;
  resentMessages: number;
  /** Messages that were dropped unacknowledged because their session kept too many. */
  unackedDropped: number;
  packedAnswers: number;
  /** Connections reset because the client did not read what was sent. */
  slowReaders: number;
  /** Calls whose method or argument the client's layer does not have, by hexadecimal id. */
  unknownConstructors: Map<string, number>;
  /** Calls whose arguments could not be read, by error code. */
  undecodableCalls: Map<string, number>;
  /** Calls in a layer that is not loaded and was replaced by the nearest one, by wanted layer. */
  layerFallbacks: Map<number, number>;
  /** Answers that the world gave and the client's layer could not express. */
  unencodableAnswers: number;
  /** Calls whose handler failed with an exception. */
  failedHandlers: number;
}

/** Counters at zero. */
export function createProtocolStats(): ProtocolStats {
  return {
    connections: 0,
    frames: 0,
    calls: 0,
    keysMade: 0,
    handshakesRefused: 0,
    unknownKeyFrames: 0,
    damagedFrames: 0,
    badServerSalts: 0,
    badMessages: new Map(),
    duplicateMessages: 0,
    resentMessages: 0,
    unackedDropped: 0,
    packedAnswers: 0,
    slowReaders: 0,
    unknownConstructors: new Map(),
    undecodableCalls: new Map(),
    layerFallbacks: new Map(),
    unencodableAnswers: 0,
    failedHandlers: 0,
  };
}

const keysMax = 1_000;

/** Adds one to a counter of a map; a new key beyond a thousand is not kept, since clients choose the keys. */
export function countIn<Key>(counters: Map<Key, number>, key: Key): void {
  const count = counters.get(key);
  if (count !== undefined || counters.size < keysMax) counters.set(key, (count ?? 0) + 1);
}
