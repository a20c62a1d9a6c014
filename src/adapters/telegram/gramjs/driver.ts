import { createHash, createPublicKey } from "node:crypto";
import type { tl } from "@mtcute/core";
import { defaultProductionDc } from "@mtcute/core/utils.js";
import { readBigIntFromBuffer } from "telegram/Helpers.js";
import { _serverKeys } from "telegram/crypto/RSA.js";
import { serializeBytes } from "telegram/tl/index.js";
import type { Api } from "telegram/tl/index.js";
import { untilAborted, wait } from "../../../concurrency/wait.ts";
import type { Dialled, Endpoint } from "../../../ports/custody/gate.ts";
import { TelegramError } from "../../../ports/telegram/telegram-error.ts";
import type {
  TelegramClient,
  TelegramDriver,
  TelegramDriverOptions,
} from "../../../ports/telegram/telegram.ts";
import { createSystemClock } from "../../../concurrency/system-clock.ts";
import { createClientShell, nextReconnectMs, type Opening } from "../client-shell.ts";
import { fromGramJs, type GramJsObject, toGramJs } from "./objects.ts";
import { defaultIdleLimits, type IdleLimits } from "../idle-limits.ts";
import { createGramJsWire, type GramJsWire } from "./wire.ts";
import { resetSocket } from "../tcp-transport.ts";

interface Home extends Endpoint {
  readonly id: number;
}

const noSalt = "0";

interface Limits {
  readonly callMsMax?: number;
  readonly idle?: IdleLimits;
}

/**
 * Drives Telegram with GramJS's sender, one object per connection: the library's own client dials when it wants to
 * (docs/architecture/drivers.md). Sessions are those of the mtcute driver.
 * @param limits `callMsMax`: how long a call may wait for its answer; `idle`: how an idle connection is kept.
 */
export function createGramJsDriver(
  options: TelegramDriverOptions,
  limits: Limits = {},
): TelegramDriver {
  const { dataCentre } = options;
  if (dataCentre !== null && dataCentre.publicKeyPem !== null) {
    trustServerKey(dataCentre.publicKeyPem);
  }
  const { id, ipAddress, port } = defaultProductionDc.main;
  const home: Home = dataCentre ?? { id, host: ipAddress, port };
  return {
    name: "telegram",
    open: (opening) => openClient(options, home, limits, opening),
  };
}

function openClient(
  options: TelegramDriverOptions,
  home: Home,
  { callMsMax, idle = defaultIdleLimits }: Limits,
  opening: Opening,
): TelegramClient {
  let serving: Promise<void> | null = null;
  let ready = createReady();
  const shell = createClientShell({
    opening,
    app: options,
    homeId: home.id,
    callMsMax,
    shutDown: async () => serving ?? undefined,
  });
  const { ended } = shell;
  const clock = createSystemClock();
  let key: Uint8Array | null = shell.known?.key ?? null;
  let newest: GramJsWire | null = null;
  const salt = () => newest?.salt() ?? opening.serverSalt ?? noSalt;

  /** One wire after the other, until the client ends. */
  async function serve(): Promise<void> {
    let waitMs = 0;
    while (!ended.aborted) {
      const wasReady = await serveOne();
      waitMs = wasReady ? 0 : nextReconnectMs(waitMs);
      await wait(clock, waitMs, ended);
    }
  }

  /** Answers whether the wire came to be ready. */
  async function serveOne(): Promise<boolean> {
    const dialled = await reach();
    if (dialled === null) return false;
    dialled.opened.catch(shell.dialFailed);
    const wire = createGramJsWire({
      dialled,
      salt: salt(),
      key,
      dcId: home.id,
      apiId: options.apiId,
      device: opening.device,
      idle,
      onKey: keep,
      onUpdates: (updates) => shell.tell(updates as tl.TypeUpdates),
      onTransportError: shell.transportError,
    });
    newest = wire;
    const cut = () => wire.cut();
    ended.addEventListener("abort", cut, { once: true });
    if (ended.aborted) cut();
    const isReady = await becomesReady(wire);
    if (!isReady) wire.cut();
    await wire.closed;
    ended.removeEventListener("abort", cut);
    if (isReady && !ended.aborted) {
      ready = createReady();
      shell.broke();
    }
    return isReady;
  }

  async function reach(): Promise<Dialled | null> {
    const dialling = opening.dial({ host: home.host, port: home.port }).then((dialled) => {
      if (!ended.aborted) return dialled;
      dialled.stream.on("error", () => undefined);
      resetSocket(dialled.stream);
      return null;
    });
    try {
      return await untilAborted(ended, dialling);
    } catch (error) {
      shell.dialFailed(error);
      return null;
    }
  }

  async function becomesReady(wire: GramJsWire): Promise<boolean> {
    try {
      await untilAborted(ended, wire.open());
    } catch (error) {
      if (ended.aborted || !(error instanceof TelegramError)) return false;
      if (error.fault.kind === "dead-key" && !shell.isStranger(error.fault)) shell.die(error.fault);
      else {
        // Who waits now is told; who comes later waits for the next wire.
        ready.fail(error);
        ready = createReady();
      }
      return false;
    }
    ready.say(wire);
    shell.connected();
    return true;
  }

  async function keep(made: Uint8Array): Promise<void> {
    key = Uint8Array.from(made);
    await shell.keep(home.id, key);
  }

  return shell.client({
    async connect() {
      serving ??= serve();
      await untilAborted(ended, ready.promise);
    },
    prepare(query) {
      const request = toGramJs(query) as Api.AnyRequest;
      return async (signal) => {
        const wire = await ready.promise;
        signal.throwIfAborted();
        return fromGramJs(await wire.call(request));
      };
    },
    write: (query) => (toGramJs(query) as GramJsObject).getBytes(),
    serverSalt: () => (salt() === noSalt ? null : salt()),
  });
}

interface Ready {
  readonly promise: Promise<GramJsWire>;
  say(wire: GramJsWire): void;
  fail(error: TelegramError): void;
}

/** The wire that calls go out on, once there is one. */
function createReady(): Ready {
  let say = (_wire: GramJsWire): void => undefined;
  let fail = (_error: TelegramError): void => undefined;
  const promise = new Promise<GramJsWire>((resolve, reject) => {
    say = resolve;
    fail = reject;
  });
  promise.catch(() => undefined);
  return { promise, say, fail };
}

/**
 * GramJS keeps its trusted RSA keys by their fingerprints
 * (https://core.telegram.org/mtproto/auth_key#dh-exchange-initiation).
 */
function trustServerKey(publicKeyPem: string): void {
  const { n = "", e = "" } = createPublicKey(publicKeyPem).export({ format: "jwk" });
  const modulus = Buffer.from(n, "base64url");
  const exponent = Buffer.from(e, "base64url");
  const encoded = Buffer.concat([serializeBytes(modulus), serializeBytes(exponent)]);
  const fingerprint = createHash("sha1").update(encoded).digest().readBigInt64LE(12);
  _serverKeys.set(fingerprint.toString(), {
    n: readBigIntFromBuffer(modulus, false),
    e: exponent.readUIntBE(0, exponent.length),
  });
}
