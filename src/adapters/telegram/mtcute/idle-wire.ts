import { type IdleLimits, spreadPing } from "../idle-limits.ts";

/** The parts of mtcute's `SessionConnection` that decide on pings; its version is pinned. */
export interface PingingConnection {
  _active: boolean;
  _pingInterval: number;
  _randomDelay: number;
  _pingDisconnectDelay(): number;
  _doFlush(): void;
}

const kept = new WeakSet<object>();

/**
 * Keeps an idle connection open. While a call is open mtcute pings every 2 s, and asks Telegram to hang up some 7 s
 * after the last ping. When the call has ended it pings only every 60 s, so that Telegram hangs up in between
 * (seen with 0.31.0). Here it asks for `hangUpMs` at each ping; what it waits for an answer itself is another time.
 */
export function keepWhileIdle(connection: PingingConnection, limits: IdleLimits): void {
  if (kept.has(connection)) return;
  kept.add(connection);
  const flush = connection["_doFlush"].bind(connection);
  const whileActive = connection["_pingDisconnectDelay"].bind(connection);
  let isWriting = false;
  connection["_pingInterval"] = spreadPing(limits);
  connection["_randomDelay"] = 0;
  connection["_doFlush"] = () => {
    isWriting = true;
    try {
      flush();
    } finally {
      isWriting = false;
    }
  };
  connection["_pingDisconnectDelay"] = () => {
    if (isWriting) return limits.hangUpMs;
    return connection["_active"] ? whileActive() : limits.pongMs;
  };
}
