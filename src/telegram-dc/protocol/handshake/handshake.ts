import { randomBytes } from "node:crypto";
import type { TlObject } from "../../seam.ts";
import type { ProtocolClock } from "../clock.ts";
import {
  dhGenerator,
  type KeyExchange,
  dhPrime,
  isSafePublicValue,
  startKeyExchange,
  toBigInt,
} from "../crypto/diffie-hellman.ts";
import { sha1 } from "../crypto/hash.ts";
import { type IgeKey, igeDecrypt, igeEncrypt } from "../crypto/ige.ts";
import type { ServerRsaKey } from "../crypto/rsa-key.ts";
import { type AuthKey, createAuthKey } from "../keys/auth-key.ts";
import { decodeBoxed } from "../tl/decode.ts";
import { encodeBoxed } from "../tl/encode.ts";
import type { Layer } from "../tl/layer.ts";
import { TlReader } from "../tl/tl-reader.ts";
import { TlWriter } from "../tl/tl-writer.ts";
import { bytesField, isTlObject, longField, numberField } from "../tl/fields.ts";

/**
 * The server's response to one step: an answer, perhaps with the finished key, or a transport
 * error.
 */
type HandshakeStep =
  | { readonly kind: "answer"; readonly answer: TlObject; readonly newKey?: AuthKey }
  | { readonly kind: "refuse"; readonly transportError: 404 | 444; readonly reason: string };

/** The server's side of one key exchange (core.telegram.org/mtproto/auth_key). */
export interface Handshake {
  receive(message: TlObject): HandshakeStep;
}

export interface HandshakeDependencies {
  readonly clock: ProtocolClock;
  readonly rsa: ServerRsaKey;
  readonly service: Layer;
  readonly dcId: number;
}

/** The example of the documents: two 31-bit primes, whose product clients factorise in a few milliseconds. */
const primeP = 1_229_739_323;
const primeQ = 1_402_015_859;
const testDcOffset = 10_000;

function uintBytes(value: bigint, bytes: number): Buffer {
  return Buffer.from(value.toString(16).padStart(bytes * 2, "0"), "hex");
}
const pqBytes = uintBytes(BigInt(primeP) * BigInt(primeQ), 8);

function refuse(reason: string, transportError: 404 | 444 = 404): HandshakeStep {
  return { kind: "refuse", transportError, reason };
}

/** A key exchange that waits for req_pq. A repeated req_pq starts it over. */
export function createHandshake(dependencies: HandshakeDependencies): Handshake {
  const { clock, rsa, service, dcId } = dependencies;
  let nonce: Buffer | undefined;
  let serverNonce = Buffer.alloc(0);
  let agreed: AgreedSecrets | undefined;

  function startOver(request: TlObject): HandshakeStep {
    nonce = bytesField(request, "nonce");
    serverNonce = randomBytes(16);
    agreed = undefined;
    const answer = {
      _: "resPQ",
      nonce,
      server_nonce: serverNonce,
      pq: pqBytes,
      server_public_key_fingerprints: [rsa.fingerprint],
    };
    return { kind: "answer", answer };
  }

  function hasNonces(message: TlObject): boolean {
    return (
      nonce !== undefined &&
      bytesField(message, "nonce").equals(nonce) &&
      bytesField(message, "server_nonce").equals(serverNonce)
    );
  }

  function answerDhParams(request: TlObject): HandshakeStep {
    if (!isFactorised(request)) return refuse("p and q are not the factors of pq");
    if (longField(request, "public_key_fingerprint") !== rsa.fingerprint) {
      return refuse("the fingerprint is of another RSA key");
    }
    const opened = rsa.openPadded(bytesField(request, "encrypted_data"));
    if (opened === undefined) return refuse("the hash inside the RSA padding is wrong");
    const inner = decodeBoxed(service, new TlReader(opened));
    if (!isTlObject(inner) || !inner._.startsWith("p_q_inner_data")) {
      return refuse("the encrypted data are no p_q_inner_data");
    }
    if (!hasNonces(inner)) return refuse("a nonce inside the encrypted data is wrong");
    if (!isFactorised(inner) || !bytesField(inner, "pq").equals(pqBytes)) {
      return refuse("pq inside the encrypted data is wrong");
    }
    if (inner["dc"] !== undefined && !isThisDc(numberField(inner, "dc"), dcId)) {
      return refuse(`the key is meant for data centre ${numberField(inner, "dc")}`, 444);
    }
    agreed = agree(inner, serverNonce);
    const answer = {
      _: "server_DH_params_ok",
      nonce,
      server_nonce: serverNonce,
      encrypted_answer: sealAnswer(agreed),
    };
    return { kind: "answer", answer };
  }

  function sealAnswer(secrets: AgreedSecrets): Buffer {
    const writer = new TlWriter();
    encodeBoxed(service, writer, {
      _: "server_DH_inner_data",
      nonce,
      server_nonce: serverNonce,
      g: dhGenerator,
      dh_prime: dhPrime,
      g_a: secrets.exchange.publicValue,
      server_time: Math.floor(clock.nowMs() / 1000),
    });
    const data = writer.finish();
    const padding = randomBytes((16 - ((20 + data.length) % 16)) % 16);
    return igeEncrypt(secrets.temporaryKey, Buffer.concat([sha1(data), data, padding]));
  }

  function finish(request: TlObject): HandshakeStep {
    if (agreed === undefined) return refuse("set_client_DH_params came before req_DH_params");
    const sealed = bytesField(request, "encrypted_data");
    if (sealed.length < 32 || sealed.length % 16 !== 0) return refuse("the client's data are cut");
    const opened = igeDecrypt(agreed.temporaryKey, sealed);
    const reader = new TlReader(opened, 20);
    const inner = decodeBoxed(service, reader);
    if (!sha1(opened.subarray(20, reader.position)).equals(opened.subarray(0, 20))) {
      return refuse("the hash of the client's data is wrong");
    }
    if (!isTlObject(inner) || inner._ !== "client_DH_inner_data" || !hasNonces(inner)) {
      return refuse("a nonce inside the client's data is wrong");
    }
    const publicValue = bytesField(inner, "g_b");
    if (publicValue.length > 256 || !isSafePublicValue(publicValue)) {
      return refuse("g_b is outside the safe range");
    }
    return makeKey(agreed, publicValue);
  }

  function makeKey(secrets: AgreedSecrets, publicValue: Buffer): HandshakeStep {
    const bytes = secrets.exchange.computeSecret(publicValue);
    const salt = Buffer.alloc(8);
    for (let index = 0; index < 8; index++) {
      salt[index] = (secrets.newNonce[index] ?? 0) ^ (serverNonce[index] ?? 0);
    }
    const newKey = createAuthKey(clock, {
      bytes,
      kind: secrets.lifetimeSeconds === undefined ? "permanent" : "temporary",
      salt: salt.readBigInt64LE(0),
      expiresAtMs:
        secrets.lifetimeSeconds === undefined
          ? undefined
          : clock.nowMs() + secrets.lifetimeSeconds * 1000,
    });
    const proof = sha1(secrets.newNonce, Buffer.from([1]), sha1(bytes).subarray(0, 8));
    const answer = {
      _: "dh_gen_ok",
      nonce,
      server_nonce: serverNonce,
      new_nonce_hash1: proof.subarray(4, 20),
    };
    agreed = undefined;
    return { kind: "answer", answer, newKey };
  }

  return {
    receive(message) {
      if (message._ === "req_pq_multi" || message._ === "req_pq") return startOver(message);
      if (message._ !== "req_DH_params" && message._ !== "set_client_DH_params") {
        return refuse(`${message._} is no step of the key exchange`);
      }
      if (!hasNonces(message)) return refuse("a nonce is wrong");
      return message._ === "req_DH_params" ? answerDhParams(message) : finish(message);
    },
  };
}

function isFactorised(message: TlObject): boolean {
  return (
    toBigInt(bytesField(message, "p")) === BigInt(primeP) &&
    toBigInt(bytesField(message, "q")) === BigInt(primeQ)
  );
}

/** The values that both sides know after req_DH_params. */
interface AgreedSecrets {
  readonly newNonce: Buffer;
  readonly temporaryKey: IgeKey;
  readonly exchange: KeyExchange;
  readonly lifetimeSeconds: number | undefined;
}

function agree(inner: TlObject, serverNonce: Buffer): AgreedSecrets {
  const newNonce = bytesField(inner, "new_nonce");
  const newThenServer = sha1(newNonce, serverNonce);
  const serverThenNew = sha1(serverNonce, newNonce);
  const newTwice = sha1(newNonce, newNonce);
  return {
    newNonce,
    temporaryKey: {
      key: Buffer.concat([newThenServer, serverThenNew.subarray(0, 12)]),
      iv: Buffer.concat([serverThenNew.subarray(12, 20), newTwice, newNonce.subarray(0, 4)]),
    },
    exchange: startKeyExchange(),
    lifetimeSeconds: inner._.includes("temp") ? numberField(inner, "expires_in") : undefined,
  };
}

/** Test data centres are numbered from 10,000; a negative number asks for a media address. */
function isThisDc(asked: number, dcId: number): boolean {
  return Math.abs(asked) % testDcOffset === dcId % testDcOffset;
}
