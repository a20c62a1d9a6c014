import { type ICorePlatform, MtClient } from "@mtcute/core";
import {
  type DcOptions,
  defaultProductionDc,
  type ICryptoProvider,
  TlBinaryWriter,
} from "@mtcute/core/utils.js";
import { HoldfastError } from "../../errors.ts";
import { TelegramError } from "../../ports/telegram-error.ts";
import type {
  TelegramClient,
  TelegramDriver,
  TelegramDriverOptions,
  TelegramFault,
} from "../../ports/telegram.ts";
import { createCallTable } from "./call-table.ts";
import { createKeyStorage } from "./mtcute-key-storage.ts";
import { createNodeCrypto, createNodePlatform, trustServerKey } from "./mtcute-platform.ts";
import { createWires } from "./mtcute-wires.ts";
import { keyIdOf, readSession, refuseOtherHome, writeSession } from "./session-blob.ts";
import { createTelegramCalls, type RawCall } from "./telegram-calls.ts";
import {
  connectionLost,
  isStranger,
  livesElsewhere,
  parseFault,
  provesLogin,
  rpcFault,
  unknownKeyFault,
} from "./telegram-fault.ts";
import { untilAborted } from "../../concurrency/wait.ts";
import { createUpdateReader } from "./update-reader.ts";

const reconnectStepMs = 250;
const reconnectMsMax = 5000;
/** While a client ends, its library looks this often whether it may stop. */
const endingLookMs = 10;
/** Longer than any answer that Telegram owes; then the outcome is unknown. */
const callMsDefault = 30_000;

interface Shared {
  readonly options: TelegramDriverOptions;
  readonly crypto: ICryptoProvider;
  readonly platform: ICorePlatform;
  readonly home: DcOptions;
  readonly callMsMax: number;
}

/**
 * Drives Telegram with mtcute's low-level client: one connection per client, no update manager, no waiting out of
 * floods, no retries of calls. @param limits `callMsMax`: how long a call may wait for its answer.
 */
export function createMtcuteDriver(
  options: TelegramDriverOptions,
  limits: { readonly callMsMax?: number } = {},
): TelegramDriver {
  const { dataCentre } = options;
  const crypto = createNodeCrypto();
  if (dataCentre !== null && dataCentre.publicKeyPem !== null) {
    trustServerKey(crypto, dataCentre.publicKeyPem);
  }
  const shared: Shared = {
    options,
    crypto,
    platform: createNodePlatform(),
    home: dataCentre === null ? defaultProductionDc : addressesOf(dataCentre),
    callMsMax: limits.callMsMax ?? callMsDefault,
  };
  return { name: "mtcute", open: (opening) => openClient(shared, opening) };
}

type Opening = Parameters<TelegramDriver["open"]>[0];

function openClient(shared: Shared, { session, dial, device, events }: Opening): TelegramClient {
  const known = session === null ? null : readSession(session);
  refuseOtherHome(shared.home.main.id, known);
  let keyId = known === null ? null : keyIdOf(known.key);
  let authorised = known !== null;
  let saved: Promise<void> = Promise.resolve();
  let connecting: Promise<void> | null = null;
  let ending: Promise<void> | null = null;
  let saidDisconnected = false;
  const ended = new AbortController();
  const calls = createCallTable(shared.callMsMax);
  const reader = createUpdateReader(events);

  const storage = createKeyStorage(known, (dcId, key) => {
    keyId = keyIdOf(key);
    saved = events.onSession({ keyId, bytes: writeSession(dcId, key) });
    saved.catch(giveUp);
  });

  const wires = createWires({
    dial,
    ended: ended.signal,
    mayWrite: () => saved,
    onDialling: () => forgetExchange(mt),
    onAnswered() {
      saidDisconnected = false;
      events.onConnected();
    },
    onBroken(answered) {
      if (ended.signal.aborted) return;
      calls.breakAll(connectionLost());
      if (answered) sayDisconnected();
    },
    onDialFailed(error) {
      if (!(error instanceof HoldfastError) || !error.code.startsWith("GATE_")) return;
      giveUp(error);
      sayDisconnected();
    },
    onTransportError(code) {
      // Without a key it is an answer to the key exchange, which is tried again.
      if (code === 404 && keyId !== null) die(unknownKeyFault);
    },
  });

  const mt = new MtClient({
    apiId: shared.options.apiId,
    apiHash: shared.options.apiHash,
    crypto: shared.crypto,
    platform: shared.platform,
    storage,
    transport: wires.transport,
    defaultDcs: shared.home,
    initConnectionOptions: { ...device, systemLangCode: device.langCode },
    logLevel: 0,
    onError: () => undefined,
    network: { connectionCount: () => 1, middlewares: [], floodControl: false },
    reconnectionStrategy: ({ previousWait }) => {
      if (ended.signal.aborted) return endingLookMs;
      return previousWait === null ? 0 : Math.min(previousWait + reconnectStepMs, reconnectMsMax);
    },
  });
  mt.network.changePrimaryDc = (dcId) => Promise.reject(new TelegramError(livesElsewhere(dcId)));
  mt.onUpdate.add((updates) => {
    if (!ended.signal.aborted) events.onUpdates(reader.pushed(updates));
  });

  /** No further call begins, every call that waits rejects, and nothing is dialled any more. */
  function end(fault: TelegramFault, cause?: unknown): void {
    if (ended.signal.aborted) return;
    const reason = new TelegramError(fault, cause);
    ended.abort(reason);
    calls.endAll(reason);
    ending = shutDown();
  }

  async function shutDown(): Promise<void> {
    // The library must know its connections before it can be told to end them.
    await connecting?.catch(() => undefined);
    await Promise.all([wires.cut(), mt.disconnect().catch(() => undefined)]);
    await mt.destroy().catch(() => undefined);
  }

  function sayDisconnected(): void {
    if (saidDisconnected) return;
    saidDisconnected = true;
    events.onDisconnected();
  }

  function giveUp(error: unknown): void {
    if (ended.signal.aborted) return;
    const fault = parseFault(error);
    end(fault, error);
    events.onEnded(fault);
  }

  function die(fault: TelegramFault): void {
    if (ended.signal.aborted) return;
    end(fault);
    events.onDeadKey(fault);
  }

  const callKept =
    (outlivesWire: boolean): RawCall =>
    async (query) => {
      const answer = await calls.run({ outlivesWire, ended: ended.signal }, (abortSignal) =>
        mt.call(query, { abortSignal }),
      );
      if (!isRpcError(answer)) {
        authorised ||= provesLogin(query._, answer);
        return answer;
      }
      const fault = rpcFault(answer.errorCode, answer.errorMessage);
      if (isStranger(fault, authorised)) throw new TelegramError({ ...fault, kind: "refused" });
      if (fault.kind === "dead-key") die(fault);
      throw new TelegramError(fault);
    };

  async function connect(): Promise<void> {
    await untilAborted(ended.signal, mt.connect());
  }

  return {
    get keyId() {
      return keyId;
    },
    get callsInFlight() {
      return calls.size;
    },
    async connect() {
      ended.signal.throwIfAborted();
      connecting ??= connect();
      await connecting;
      await callKept(true)({ _: "help.getConfig" });
    },
    async close() {
      end({ code: "CLIENT_CLOSED", kind: "unknown", message: "the client was closed" });
      await ending;
    },
    ...createTelegramCalls(
      callKept(false),
      reader,
      shared.options,
      (updates) => {
        if (!ended.signal.aborted) events.onUpdates(reader.pushed(updates));
      },
      (query) => TlBinaryWriter.serializeObject(mt._writerMap, query),
    ),
  };
}

/**
 * mtcute keeps what an exchange that was cut off waited for; the first answer on the next wire would go there, and
 * the new exchange wait five seconds in vain (seen with 0.30.3).
 */
function forgetExchange(mt: MtClient): void {
  for (const connection of mt.network["_primaryDc"]?.main["_connections"] ?? []) {
    connection["_pendingWaitForUnencrypted"] = [];
  }
}

function isRpcError(
  answer: unknown,
): answer is { readonly errorCode: number; readonly errorMessage: string } {
  return (
    typeof answer === "object" && answer !== null && "_" in answer && answer._ === "mt_rpc_error"
  );
}

function addressesOf({ id, host, port }: { id: number; host: string; port: number }): DcOptions {
  const main = { id, ipAddress: host, port };
  return { main, media: { ...main, mediaOnly: true } };
}
