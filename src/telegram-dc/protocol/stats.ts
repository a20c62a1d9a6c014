/** Counters of one data centre, from the start of the process. */
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
  /** Unacknowledged messages dropped because their session kept too many. */
  unackedDropped: number;
  packedAnswers: number;
  /** Connections reset because the client did not read. */
  slowReaders: number;
  /** Calls with a method or argument outside the client's layer, by hexadecimal id. */
  unknownConstructors: Map<string, number>;
  /** Calls with unreadable arguments, by error code. */
  undecodableCalls: Map<string, number>;
  /** Calls in a layer that is not loaded, answered in the nearest one; by wanted layer. */
  layerFallbacks: Map<number, number>;
  /** Answers of the world that the client's layer could not express. */
  unencodableAnswers: number;
  /** Calls whose handler threw. */
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

/** Adds one to a counter of a map. Keeps at most a thousand keys, since clients choose them. */
export function countIn<Key>(counters: Map<Key, number>, key: Key): void {
  const count = counters.get(key);
  if (count !== undefined || counters.size < keysMax) counters.set(key, (count ?? 0) + 1);
}
