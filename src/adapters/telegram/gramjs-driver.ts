import { createHash, createPublicKey } from "node:crypto";
import type { Duplex } from "node:stream";
import type { tl } from "@mtcute/core";
import { defaultProductionDc } from "@mtcute/core/utils.js";
import { readBigIntFromBuffer } from "telegram/Helpers.js";
import { _serverKeys } from "telegram/crypto/RSA.js";
import { serializeBytes } from "telegram/tl/index.js";
import type { Api } from "telegram/tl/index.js";
import { untilAborted, wait } from "../../concurrency/wait.ts";
import { HoldfastError } from "../../errors.ts";
import type { Endpoint } from "../../ports/gate.ts";
import { TelegramError } from "../../ports/telegram-error.ts";
import type {
  TelegramClient,
  TelegramDriver,
  TelegramDriverOptions,
  TelegramFault,
} from "../../ports/telegram.ts";
import { createSystemClock } from "../system-clock.ts";
import { createCallTable } from "./call-table.ts";
import { fromGramJs, type GramJsObject, toGramJs } from "./gramjs-objects.ts";
import { createGramJsWire, type GramJsWire } from "./gramjs-wire.ts";
import { keyIdOf, readSession, refuseOtherHome, writeSession } from "./session-blob.ts";
import { resetSocket } from "./tcp-transport.ts";
import { createTelegramCalls, type RawCall } from "./telegram-calls.ts";
import {
  connectionLost,
  isStranger,
  parseFault,
  provesLogin,
  unknownKeyFault,
} from "./telegram-fault.ts";
import { createUpdateReader } from "./update-reader.ts";

const reconnectStepMs = 250;
const reconnectMsMax = 5000;
/** Longer than any answer that Telegram owes; then the outcome is unknown. */
const callMsDefault = 30_000;

interface Home extends Endpoint {
  readonly id: number;
}

/**
 * Drives Telegram with GramJS's sender, one object per connection: the library's own client dials when it wants to
 * (ARCHITECTURE.md, drivers). Sessions are those of the mtcute driver. @param limits `callMsMax`: how long a call may
 * wait for its answer.
 */
export function createGramJsDriver(
  options: TelegramDriverOptions,
  limits: { readonly callMsMax?: number } = {},
): TelegramDriver {
  const { dataCentre } = options;
  if (dataCentre !== null && dataCentre.publicKeyPem !== null) {
    trustServerKey(dataCentre.publicKeyPem);
  }
  const { id, ipAddress, port } = defaultProductionDc.main;
  const home: Home = dataCentre ?? { id, host: ipAddress, port };
  const callMsMax = limits.callMsMax ?? callMsDefault;
  return {
    name: "telegram",
    open: (opening) => openClient(options, home, callMsMax, opening),
  };
}

type Opening = Parameters<TelegramDriver["open"]>[0];

function openClient(
  options: TelegramDriverOptions,
  home: Home,
  callMsMax: number,
  { session, dial, device, events }: Opening,
): TelegramClient {
  const known = session === null ? null : readSession(session);
  refuseOtherHome(home.id, known);
  let key: Uint8Array | null = known?.key ?? null;
  let authorised = known !== null;
  let serving: Promise<void> | null = null;
  let saidDisconnected = false;
  let ready = createReady();
  const ended = new AbortController();
  const clock = createSystemClock();
  const calls = createCallTable(callMsMax);
  const reader = createUpdateReader(events);

  /** One wire after the other, until the client ends. */
  async function serve(): Promise<void> {
    let waitMs = 0;
    while (!ended.signal.aborted) {
      const wasReady = await serveOne();
      waitMs = wasReady ? 0 : Math.min(waitMs + reconnectStepMs, reconnectMsMax);
      await wait(clock, waitMs, ended.signal);
    }
  }

  /** Answers whether the wire came to be ready. */
  async function serveOne(): Promise<boolean> {
    const stream = await reach();
    if (stream === null) return false;
    const wire = createGramJsWire({
      stream,
      key,
      dcId: home.id,
      apiId: options.apiId,
      device,
      onKey: keep,
      onUpdates: (updates) => tell(updates as tl.TypeUpdates),
      onTransportError(code) {
        // Without a key it is an answer to the key exchange, which is tried again.
        if (code === 404 && key !== null) die(unknownKeyFault);
      },
    });
    const cut = () => wire.cut();
    ended.signal.addEventListener("abort", cut, { once: true });
    if (ended.signal.aborted) cut();
    const isReady = await becomesReady(wire);
    if (!isReady) wire.cut();
    await wire.closed;
    ended.signal.removeEventListener("abort", cut);
    if (isReady && !ended.signal.aborted) {
      ready = createReady();
      calls.breakAll(connectionLost());
      sayDisconnected();
    }
    return isReady;
  }

  async function reach(): Promise<Duplex | null> {
    const dialled = dial({ host: home.host, port: home.port }).then((stream) => {
      if (!ended.signal.aborted) return stream;
      stream.on("error", () => undefined);
      resetSocket(stream);
      return null;
    });
    try {
      return await untilAborted(ended.signal, dialled);
    } catch (error) {
      const isRefusal = error instanceof HoldfastError && error.code.startsWith("GATE_");
      if (ended.signal.aborted || !isRefusal) return null;
      giveUp(error);
      sayDisconnected();
      return null;
    }
  }

  async function becomesReady(wire: GramJsWire): Promise<boolean> {
    try {
      await untilAborted(ended.signal, wire.open());
    } catch (error) {
      if (ended.signal.aborted || !(error instanceof TelegramError)) return false;
      if (error.fault.kind === "dead-key" && !isStranger(error.fault, authorised)) die(error.fault);
      else {
        // Who waits now is told; who comes later waits for the next wire.
        ready.fail(error);
        ready = createReady();
      }
      return false;
    }
    saidDisconnected = false;
    ready.say(wire);
    events.onConnected();
    return true;
  }

  async function keep(made: Uint8Array): Promise<void> {
    key = Uint8Array.from(made);
    try {
      await events.onSession({ keyId: keyIdOf(key), bytes: writeSession(home.id, key) });
    } catch (error) {
      giveUp(error);
      throw error;
    }
  }

  /** No further call begins, every call that waits rejects, and nothing is dialled any more. */
  function end(fault: TelegramFault, cause?: unknown): void {
    if (ended.signal.aborted) return;
    const reason = new TelegramError(fault, cause);
    ended.abort(reason);
    calls.endAll(reason);
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

  function tell(updates: tl.TypeUpdates): void {
    if (!ended.signal.aborted) events.onUpdates(reader.pushed(updates));
  }

  const call: RawCall = async (query) => {
    const request = toGramJs(query) as Api.AnyRequest;
    try {
      const answer = await calls.run(
        { outlivesWire: false, ended: ended.signal },
        async (signal) => {
          const wire = await ready.promise;
          signal.throwIfAborted();
          return wire.call(request);
        },
      );
      const read = fromGramJs(answer);
      authorised ||= provesLogin(query._, read);
      return read;
    } catch (error) {
      if (!(error instanceof TelegramError) || ended.signal.aborted) throw error;
      const { fault } = error;
      if (isStranger(fault, authorised)) throw new TelegramError({ ...fault, kind: "refused" });
      if (fault.kind === "dead-key") die(fault);
      throw error;
    }
  };

  return {
    get keyId() {
      return key === null ? null : keyIdOf(key);
    },
    get callsInFlight() {
      return calls.size;
    },
    async connect() {
      ended.signal.throwIfAborted();
      serving ??= serve();
      await untilAborted(ended.signal, ready.promise);
    },
    async close() {
      end({ code: "CLIENT_CLOSED", kind: "unknown", message: "the client was closed" });
      await serving;
    },
    ...createTelegramCalls(call, reader, options, tell, (query) =>
      (toGramJs(query) as GramJsObject).getBytes(),
    ),
  };
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

/** GramJS keeps the RSA keys that it trusts by their fingerprints (https://core.telegram.org/mtproto/auth_key#dh-exchange-initiation). */
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
