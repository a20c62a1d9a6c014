import type { Socket } from "node:net";
import { TransportError } from "@mtcute/core";
import { BaseTelegramClient } from "@mtcute/core/client.js";
import type { DcOptions, ICryptoProvider } from "@mtcute/core/utils.js";
import { HoldfastError } from "../../errors.ts";
import { TelegramError } from "../../ports/telegram-error.ts";
import type {
  TelegramClient,
  TelegramDriver,
  TelegramDriverOptions,
  TelegramFault,
} from "../../ports/telegram.ts";
import { createMtcuteCalls, type RawCall } from "./mtcute-calls.ts";
import { createNodeCrypto, createNodePlatform, trustServerKey } from "./mtcute-platform.ts";
import { createKeyStorage, keyIdOf, readSession, writeSession } from "./mtcute-session.ts";
import { createUpdateReader } from "./mtcute-updates.ts";
import { createTcpTransport } from "./tcp-transport.ts";
import { parseFault } from "./telegram-fault.ts";

const reconnectStepMs = 250;
const reconnectMsMax = 2000;

/** Drives Telegram with mtcute: one connection a client, no update manager, no waiting by itself. */
export function createMtcuteDriver(options: TelegramDriverOptions): TelegramDriver {
  const crypto = createNodeCrypto();
  if (options.dataCentre?.publicKeyPem != null) {
    trustServerKey(crypto, options.dataCentre.publicKeyPem);
  }
  const platform = createNodePlatform({ deviceModel: options.deviceModel });
  return { name: "mtcute", open: (opening) => openClient(options, crypto, platform, opening) };
}

type Opening = Parameters<TelegramDriver["open"]>[0];

function openClient(
  options: TelegramDriverOptions,
  crypto: ICryptoProvider,
  platform: ReturnType<typeof createNodePlatform>,
  { session, dial, events }: Opening,
): TelegramClient {
  const known = session === null ? null : readSession(session);
  let keyId = known === null ? null : keyIdOf(known.key);
  let saved: Promise<void> = Promise.resolve();
  let callsInFlight = 0;
  let closed = false;
  let dead = false;
  let refusedDial = false;
  const ended = new AbortController();
  const reader = createUpdateReader(events.onServiceMessage);

  const storage = createKeyStorage(known, (dcId, key) => {
    keyId = keyIdOf(key);
    saved = events.onSession({ keyId, bytes: writeSession(dcId, key) });
    saved.catch(() => undefined);
  });

  const client = new BaseTelegramClient({
    apiId: options.apiId,
    apiHash: options.apiHash,
    crypto,
    platform,
    storage,
    transport: createTcpTransport({
      dial: async ({ ipAddress: host, port }) => {
        try {
          return (await dial({ host, port })) as Socket;
        } catch (error) {
          if (error instanceof HoldfastError && error.code.startsWith("GATE_")) {
            refusedDial = true;
            end({ code: error.code, kind: "unknown", message: error.message });
          }
          throw error;
        }
      },
    }),
    ...(options.dataCentre === null ? {} : { defaultDcs: addressesOf(options.dataCentre) }),
    initConnectionOptions: { deviceModel: options.deviceModel, appVersion: "holdfast" },
    updates: false,
    logLevel: 0,
    network: { connectionCount: () => 1, middlewares: [], floodControl: false },
    reconnectionStrategy: ({ consequentFails }) =>
      closed || dead || refusedDial
        ? false
        : Math.min(consequentFails * reconnectStepMs, reconnectMsMax),
  });

  /** Every call that waits now rejects with `fault`, and no further one begins. */
  function end(fault: TelegramFault): void {
    if (!ended.signal.aborted) ended.abort(new TelegramError(fault));
  }

  function die(fault: TelegramFault): void {
    if (dead || closed) return;
    dead = true;
    end(fault);
    events.onDeadKey(fault);
    void client.destroy().catch(() => undefined);
  }

  client.onServerUpdate.add((updates) => {
    if (!closed && !dead) events.onUpdates(reader.pushed(updates));
  });
  client.onConnectionState.add((state) => {
    if (closed || dead) return;
    if (state === "connected") events.onConnected();
    if (state === "offline") events.onDisconnected();
  });
  client.onError.add((error) => {
    if (error instanceof TransportError && error.code === 404 && known !== null) {
      die({
        code: "TRANSPORT_404",
        kind: "dead-key",
        message: "Telegram no longer knows the key (transport error -404)",
      });
    }
  });

  const call: RawCall = async (query) => {
    ended.signal.throwIfAborted();
    callsInFlight += 1;
    try {
      return await orEnded(ended.signal, client.call(query));
    } catch (error) {
      const fault = parseFault(error);
      if (fault.kind === "dead-key" && known !== null) die(fault);
      throw error instanceof TelegramError ? error : new TelegramError(fault, error);
    } finally {
      callsInFlight -= 1;
    }
  };

  return {
    get keyId() {
      return keyId;
    },
    get callsInFlight() {
      return callsInFlight;
    },
    async connect() {
      await orEnded(ended.signal, client.connect());
      await call({ _: "help.getConfig" });
      await saved;
    },
    async close() {
      closed = true;
      end({ code: "CLIENT_CLOSED", kind: "unknown", message: "the client was closed" });
      await client.destroy().catch(() => undefined);
    },
    ...createMtcuteCalls(call, reader, options),
  };
}

/** Like the promise, but rejects at once when the client ends: the library leaves such calls waiting. */
function orEnded<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

function addressesOf({ id, host, port }: { id: number; host: string; port: number }): DcOptions {
  const main = { id, ipAddress: host, port };
  return { main, media: { ...main, mediaOnly: true } };
}
