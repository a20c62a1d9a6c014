import type { TelegramClientEvents } from "./telegram.ts";

/** For a client that serves no account: only the answers to its own calls count. */
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
