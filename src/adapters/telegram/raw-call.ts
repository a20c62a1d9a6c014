import type { tl } from "@mtcute/core";
import type { TelegramClient } from "../../ports/telegram/telegram.ts";

/** One remote call; rejects with TelegramError. */
export type RawCall = <M extends tl.RpcMethod>(query: M) => Promise<tl.RpcCallReturn[M["_"]]>;

/** The calls of the port; the rest of the port is the connection. */
export type Calls = Omit<
  TelegramClient,
  "keyId" | "serverSalt" | "callsInFlight" | "connect" | "close"
>;
