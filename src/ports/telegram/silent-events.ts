import type { TelegramClientEvents } from "./telegram.ts";

/** For a client that serves nobody: only what its own calls answer counts. */
export const silentEvents: Omit<TelegramClientEvents, "onSession"> = {
  onUpdates: () => {},
  onServiceMessage: () => {},
  onLoginToken: () => {},
  onDyingKey: () => {},
  onDisconnected: () => {},
  onConnected: () => {},
  onEnded: () => {},
  onDeadKey: () => {},
};
