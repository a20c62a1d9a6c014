import { parentPort } from "node:worker_threads";
import { Long } from "@mtcute/core";
import { __tlReaderMap, __tlWriterMap } from "@mtcute/core/utils.js";
import { WireBoundError } from "../wire-bounds.ts";
import { mendReader } from "./mended-reader.ts";
import { createNodeCrypto, trustServerKey } from "./platform.ts";
import type { ToExchange, FromExchange } from "./key-exchange.ts";

/**
 * mtcute's own exchange, which it does not export: it reads these parts of a connection alone
 * (mtcute 0.31.0, network/authorization.js).
 */
type Exchange = (
  connection: {
    readonly _session: {
      readonly _readerMap: unknown;
      readonly _writerMap: unknown;
      getMessageId(): Long;
      updateTimeOffset(): void;
    };
    readonly params: {
      readonly dc: { readonly id: number; readonly mediaOnly: boolean };
      readonly testMode: boolean;
    };
    readonly log: { create(): Log };
    send(bytes: Uint8Array): Promise<void>;
    waitForUnencryptedMessage(): Promise<Uint8Array>;
  },
  crypto: ReturnType<typeof createNodeCrypto>,
) => Promise<[Uint8Array, { readonly low: number; readonly high: number }, number]>;

type Log = Record<"prefix", string> &
  Record<"verbose" | "debug" | "info" | "warn" | "error", () => void>;

const port = parentPort!;
const tell = (message: FromExchange): void => port.postMessage(message);
const silent = (): void => undefined;
const log: Log = {
  prefix: "",
  verbose: silent,
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
};

const crypto = createNodeCrypto();
mendReader();
const library: { readonly doAuthorization: Exchange } = await import(
  new URL("./network/authorization.js", import.meta.resolve("@mtcute/core")).href
);
const trusted = new Set<string>();
/** Settle one after the other; a message is sent only after the answer to the one before. */
let answer = createAnswer();

interface Answer {
  readonly promise: Promise<Uint8Array>;
  give(frame: Uint8Array): void;
  refuse(error: Error): void;
}

function createAnswer(): Answer {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  promise.catch(() => undefined);
  return { promise, give: resolve, refuse: reject };
}

/** Tells how it went. Never rejects. */
async function exchange({ dc, testMode }: ToExchange & { readonly type: "begin" }): Promise<void> {
  try {
    const [key, salt, timeOffset] = await library.doAuthorization(
      {
        // The connection writes a message id of its own over this one.
        _session: {
          _readerMap: __tlReaderMap,
          _writerMap: __tlWriterMap,
          getMessageId: () => Long.ZERO,
          updateTimeOffset: silent,
        },
        params: { dc, testMode },
        log: { create: () => log },
        async send(bytes) {
          answer = createAnswer();
          tell({ type: "send", bytes });
        },
        waitForUnencryptedMessage: () => answer.promise,
      },
      crypto,
    );
    const serverSeconds = timeOffset + performance.now() / 1000;
    tell({ type: "done", key, salt: [salt.low, salt.high], serverSeconds });
  } catch (error) {
    tell({ type: "failed", message: error instanceof Error ? error.message : String(error) });
  }
}

port.on("message", (message: ToExchange) => {
  switch (message.type) {
    case "begin":
      for (const pem of message.trustedKeys.filter((one) => !trusted.has(one))) {
        trustServerKey(crypto, pem);
        trusted.add(pem);
      }
      void exchange(message);
      return;
    case "frame":
      answer.give(message.bytes);
      return;
    case "broken":
      answer.refuse(new WireBoundError(message.message));
  }
});
