import { type ICorePlatform, Long, MtClient } from "@mtcute/core";
import {
  type DcOptions,
  defaultProductionDc,
  type ICryptoProvider,
  TlBinaryWriter,
} from "@mtcute/core/utils.js";
import { TelegramError } from "../../../ports/telegram/telegram-error.ts";
import type {
  TelegramClient,
  TelegramDriver,
  TelegramDriverOptions,
} from "../../../ports/telegram/telegram.ts";
import {
  type ClientLibrary,
  createClientShell,
  nextReconnectMs,
  type Opening,
} from "../client-shell.ts";
import { defaultIdleLimits, type IdleLimits } from "../idle-limits.ts";
import { mendReader } from "./mended-reader.ts";
import { keepWhileIdle, type PingingConnection } from "./idle-wire.ts";
import { authoriseBy, createKeyExchange, type KeyExchange } from "./key-exchange.ts";
import { createKeyStorage } from "./key-storage.ts";
import { createNodeCrypto, createNodePlatform } from "./platform.ts";
import { createWires } from "./wires.ts";
import { livesElsewhere, rpcFault } from "../faults.ts";
import { createSystemClock } from "../../../concurrency/system-clock.ts";
import { untilAborted } from "../../../concurrency/wait.ts";

/** While a client ends, its library looks this often whether it may stop. */
const endingLookMs = 10;

interface Shared {
  readonly options: TelegramDriverOptions;
  readonly crypto: ICryptoProvider;
  readonly platform: ICorePlatform;
  readonly home: DcOptions;
  readonly callMsMax: number | undefined;
  readonly exchange: KeyExchange;
  readonly idle: IdleLimits;
  /** Of a data centre that is not Telegram's. */
  readonly trustedKeys: readonly string[];
}

/**
 * Drives Telegram with mtcute's low-level client: one connection per client, no update manager, no
 * waiting out of floods, no retries of calls.
 * @param limits `callMsMax`: how long a call may wait for its answer; `exchange`: makes the keys;
 * `idle`: how an idle connection is kept.
 */
export function createMtcuteDriver(
  options: TelegramDriverOptions,
  limits: {
    readonly callMsMax?: number;
    readonly exchange?: KeyExchange;
    readonly idle?: IdleLimits;
  } = {},
): TelegramDriver {
  const { dataCentre } = options;
  const crypto = createNodeCrypto();
  mendReader();
  const trustedKeys = [dataCentre?.publicKeyPem ?? null].filter((key) => key !== null);
  const shared: Shared = {
    options,
    crypto,
    platform: createNodePlatform(),
    home: dataCentre === null ? defaultProductionDc : addressesOf(dataCentre),
    callMsMax: limits.callMsMax,
    idle: limits.idle ?? defaultIdleLimits,
    exchange: limits.exchange ?? createKeyExchange({ clock: createSystemClock() }),
    trustedKeys,
  };
  return { name: "mtcute", open: (opening) => openClient(shared, opening) };
}

function openClient(shared: Shared, opening: Opening): TelegramClient {
  let saved: Promise<void> = Promise.resolve();
  let connecting: Promise<void> | null = null;
  const shell = createClientShell({
    opening,
    app: shared.options,
    homeId: shared.home.main.id,
    callMsMax: shared.callMsMax,
    shutDown,
  });

  const storage = createKeyStorage(shell.known, (dcId, key) => {
    saved = shell.keep(dcId, key);
    saved.catch(() => undefined);
  });

  const wires = createWires({
    dial: opening.dial,
    ended: shell.ended,
    mayBeEarly: () => shell.keyId !== null,
    mayWrite: () => saved,
    onDialling() {
      prepareConnection(mt, shared);
      const salts = saltsOf(mt);
      if (salts?.currentSalt.isZero() === true && opening.serverSalt) {
        salts.currentSalt = Long.fromString(opening.serverSalt);
      }
    },
    onAnswered: shell.connected,
    onBroken: (answered) => (answered ? shell.broke() : shell.brokeEarly()),
    onDialFailed: shell.dialFailed,
    onTransportError: shell.transportError,
  });

  const mt = new MtClient({
    apiId: shared.options.apiId,
    apiHash: shared.options.apiHash,
    crypto: shared.crypto,
    platform: shared.platform,
    storage,
    transport: wires.transport,
    defaultDcs: shared.home,
    initConnectionOptions: { ...opening.device, systemLangCode: opening.device.langCode },
    logLevel: 0,
    onError: () => undefined,
    network: {
      connectionCount: (kind) => (kind === "main" ? 1 : 0),
      middlewares: [],
      floodControl: false,
    },
    reconnectionStrategy: ({ previousWait }) => {
      if (shell.ended.aborted) return endingLookMs;
      return previousWait === null ? 0 : nextReconnectMs(previousWait);
    },
  });
  mt.network.changePrimaryDc = (dcId) => Promise.reject(new TelegramError(livesElsewhere(dcId)));
  mt.onUpdate.add(shell.tell);

  async function shutDown(): Promise<void> {
    // The library must know its connections before it can be told to end them.
    await connecting?.catch(() => undefined);
    await Promise.all([wires.cut(), mt.disconnect().catch(() => undefined)]);
    await mt.destroy().catch(() => undefined);
  }

  const prepare: ClientLibrary["prepare"] = (query) => async (abortSignal) => {
    const answer = await mt.call(query, { abortSignal });
    if (isRpcError(answer)) {
      throw new TelegramError(rpcFault(answer.errorCode, answer.errorMessage));
    }
    return answer;
  };

  async function connect(): Promise<void> {
    await untilAborted(shell.ended, mt.connect());
  }

  return shell.client({
    async connect() {
      connecting ??= connect();
      await connecting;
      const query = { _: "help.getConfig" } as const;
      await shell.run(query._, prepare(query), { outlivesWire: true });
    },
    prepare,
    write: (query) => TlBinaryWriter.serializeObject(mt._writerMap, query),
    serverSalt() {
      const salt = saltsOf(mt)?.currentSalt;
      return salt === undefined || salt.isZero() ? (opening.serverSalt ?? null) : salt.toString();
    },
  });
}

/**
 * mtcute keeps the waits of an exchange that was cut off. The first answer on the next wire would
 * go there, and the new exchange would wait five seconds in vain (seen with 0.30.3).
 */
function prepareConnection(mt: MtClient, { exchange, trustedKeys, idle }: Shared): void {
  for (const connection of mt.network["_primaryDc"]?.main["_connections"] ?? []) {
    connection["_pendingWaitForUnencrypted"] = [];
    authoriseBy(exchange, trustedKeys, connection);
    keepWhileIdle(connection as unknown as PingingConnection, idle);
  }
}

/** Those of the one data centre; null before the client has set out. */
const saltsOf = (mt: MtClient) => mt.network["_primaryDc"]?.["_salts"];

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
