import { createPublicKey } from "node:crypto";
import { TelegramClient } from "telegram";
import { readBigIntFromBuffer } from "telegram/Helpers.js";
import type { TelegramClientParams } from "telegram/client/telegramBaseClient.js";
import { _serverKeys } from "telegram/crypto/RSA.js";
import { LogLevel, Logger } from "telegram/extensions/Logger.js";
import { PromisedNetSockets } from "telegram/extensions/PromisedNetSockets.js";
import { StringSession } from "telegram/sessions/index.js";
import { sha1 } from "../../../src/telegram-dc/protocol/crypto/hash.ts";
import { TlWriter } from "../../../src/telegram-dc/protocol/tl/tl-writer.ts";
import type { TestDataCentre } from "./mtcute-client.ts";

/** A test's own choices for a GramJS client. */
export interface GramJsOptions {
  /** A session string made by `session.save()`. */
  readonly session?: string;
  /** Passed to the client as they are. */
  readonly client?: Partial<TelegramClientParams>;
}

const API_HASH = "0123456789abcdef0123456789abcdef";
const HTTPS_PORT = 443;

/** GramJS keeps the keys it trusts in a map by fingerprint. */
function trustKey(publicKeyPem: string): void {
  const { n = "", e = "" } = createPublicKey(publicKeyPem).export({ format: "jwk" });
  const modulus = Buffer.from(n, "base64url");
  const exponent = Buffer.from(e, "base64url");
  const encoded = new TlWriter().bytes(modulus).bytes(exponent).finish();
  const fingerprint = sha1(encoded).readBigInt64LE(12);
  _serverKeys.set(fingerprint.toString(), {
    n: readBigIntFromBuffer(modulus, false),
    e: exponent.readUIntBE(0, exponent.length),
  });
}

/** GramJS ignores the port of a session, so the socket puts the right one back. */
function socketsTo(dc: TestDataCentre): typeof PromisedNetSockets {
  return class extends PromisedNetSockets {
    override connect(): Promise<unknown> {
      return super.connect(dc.port, dc.host);
    }
  };
}

/** An unmodified GramJS client for a data centre, not connected yet. End it with `destroy()`. */
function makeGramJs(dc: TestDataCentre, options: GramJsOptions = {}): TelegramClient {
  trustKey(dc.rsaPublicKeyPem);
  const session = new StringSession(options.session ?? "");
  if (options.session === undefined) session.setDC(dc.dcId, dc.host, HTTPS_PORT);
  return new TelegramClient(session, 1, API_HASH, {
    networkSocket: socketsTo(dc),
    baseLogger: new Logger(LogLevel.NONE),
    securityChecks: true,
    connectionRetries: 1,
    requestRetries: 1,
    floodSleepThreshold: 0,
    ...options.client,
  });
}

/** GramJS's `connect` may never settle when a handshake goes wrong, so it is bounded, and begun anew. */
const connectTriesMax = 3;
const connectMsMax = 8_000;

/**
 * An unmodified GramJS client, connected. End it with `destroy()`. A client object serves one
 * attempt: GramJS hung while connecting, once in several hundred attempts.
 */
export async function connectGramJs(
  dc: TestDataCentre,
  options: GramJsOptions = {},
): Promise<TelegramClient> {
  for (let tries = 1; ; tries += 1) {
    const client = makeGramJs(dc, options);
    if (await connectsInTime(client)) return client;
    await client.destroy();
    if (tries === connectTriesMax) throw new Error(`GramJS did not connect in ${tries} attempts`);
  }
}

function connectsInTime(client: TelegramClient): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(false), connectMsMax);
    client.connect().then(
      (connected) => {
        clearTimeout(timer);
        resolve(connected);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
