import { createPublicKey, randomBytes } from "node:crypto";
import {
  startKeyExchange,
  toBigInt,
} from "../../../src/telegram-dc/protocol/crypto/diffie-hellman.ts";
import { sha1, sha256 } from "../../../src/telegram-dc/protocol/crypto/hash.ts";
import { igeDecrypt, igeEncrypt } from "../../../src/telegram-dc/protocol/crypto/ige.ts";
import { decodeBoxed } from "../../../src/telegram-dc/protocol/tl/decode.ts";
import { encodeBoxed } from "../../../src/telegram-dc/protocol/tl/encode.ts";
import { bytesField, isTlObject, longsField } from "../../../src/telegram-dc/protocol/tl/fields.ts";
import { TlReader } from "../../../src/telegram-dc/protocol/tl/tl-reader.ts";
import { TlWriter } from "../../../src/telegram-dc/protocol/tl/tl-writer.ts";
import type { TlObject } from "../../../src/telegram-dc/seam.ts";
import { type RawConnection, rsaRaw } from "./raw-client.ts";
import type { StubDataCentre } from "./stub-world.ts";

/** Hooks of a test; each receives the honest value and returns the value to send. */
export interface HandshakeTampering {
  reqDhParams?: (honest: TlObject) => TlObject;
  innerData?: (honest: TlObject) => TlObject;
  /** The 256 bytes before RSA. */
  rsaBlock?: (honest: Buffer) => Buffer;
  setClientDhParams?: (honest: TlObject) => TlObject;
  clientInnerData?: (honest: TlObject) => TlObject;
  /** SHA-1, data and padding before encryption. */
  clientPlain?: (honest: Buffer) => Buffer;
}

/** A key as its client holds it. */
export interface RawKey {
  readonly bytes: Buffer;
  readonly id: bigint;
  readonly salt: bigint;
}

const P = Buffer.from("494c553b", "hex");
const Q = Buffer.from("53911073", "hex");

function same<Value>(value: Value): Value {
  return value;
}

function encode(dc: StubDataCentre, object: TlObject): Buffer {
  const writer = new TlWriter();
  encodeBoxed(dc.server.schemas.service, writer, object);
  return writer.finish();
}

function decode(dc: StubDataCentre, bytes: Buffer): TlObject {
  const value = decodeBoxed(dc.server.schemas.service, new TlReader(bytes));
  if (!isTlObject(value)) throw new Error("an object was expected");
  return value;
}

function sendPlain(dc: StubDataCentre, raw: RawConnection, object: TlObject): void {
  const body = encode(dc, object);
  const head = Buffer.alloc(20);
  head.writeBigInt64LE(BigInt(Date.now()) << 22n, 8);
  head.writeInt32LE(body.length, 16);
  raw.send(Buffer.concat([head, body]));
}

/** The next plain message, or the transport error that came instead. */
async function nextPlain(dc: StubDataCentre, raw: RawConnection): Promise<TlObject> {
  const frame = await raw.nextFrame();
  if (frame.length === 4) throw new Error(`transport error ${frame.readInt32LE(0)}`);
  return decode(dc, frame.subarray(20));
}

function rsaPad(dc: StubDataCentre, data: Buffer, tamper: (block: Buffer) => Buffer): Buffer {
  const { n = "" } = createPublicKey(dc.rsaPublicKeyPem).export({ format: "jwk" });
  const modulus = toBigInt(Buffer.from(n, "base64url"));
  const padded = Buffer.concat([data, randomBytes(192 - data.length)]);
  for (;;) {
    const key = randomBytes(32);
    const withHash = Buffer.concat([Buffer.from(padded.toReversed()), sha256(key, padded)]);
    const sealed = igeEncrypt({ key, iv: Buffer.alloc(32) }, withHash);
    const mask = sha256(sealed);
    const maskedKey = Buffer.from(key.map((byte, index) => byte ^ (mask[index] ?? 0)));
    const block = tamper(Buffer.concat([maskedKey, sealed]));
    if (toBigInt(block) < modulus) return rsaRaw(dc.rsaPublicKeyPem, block);
  }
}

/**
 * The client's side of a key exchange.
 * @param lifetimeSeconds makes a temporary key.
 * @throws "transport error -404" and the like when the server refuses a step.
 */
export async function exchangeKey(
  dc: StubDataCentre,
  raw: RawConnection,
  tampering: HandshakeTampering = {},
  lifetimeSeconds?: number,
): Promise<RawKey> {
  const nonce = randomBytes(16);
  sendPlain(dc, raw, { _: "req_pq_multi", nonce });
  const resPq = await nextPlain(dc, raw);
  const serverNonce = bytesField(resPq, "server_nonce");
  const newNonce = randomBytes(32);
  const nonces = { nonce, server_nonce: serverNonce };
  const inner = {
    _: lifetimeSeconds === undefined ? "p_q_inner_data_dc" : "p_q_inner_data_temp_dc",
    pq: bytesField(resPq, "pq"),
    p: P,
    q: Q,
    ...nonces,
    new_nonce: newNonce,
    dc: dc.dcId,
    expires_in: lifetimeSeconds ?? 0,
  };
  const innerBytes = encode(dc, (tampering.innerData ?? same)(inner));
  const [fingerprint = 0n] = longsField(resPq, "server_public_key_fingerprints");
  const request = {
    _: "req_DH_params",
    ...nonces,
    p: P,
    q: Q,
    public_key_fingerprint: fingerprint,
    encrypted_data: rsaPad(dc, innerBytes, tampering.rsaBlock ?? same),
  };
  sendPlain(dc, raw, (tampering.reqDhParams ?? same)(request));
  const params = await nextPlain(dc, raw);
  const keyAndIv = temporaryKey(newNonce, serverNonce);
  const opened = igeDecrypt(keyAndIv, bytesField(params, "encrypted_answer"));
  const answer = decode(dc, opened.subarray(20));
  const exchange = startKeyExchange();
  const clientInner = encode(
    dc,
    (tampering.clientInnerData ?? same)({
      _: "client_DH_inner_data",
      ...nonces,
      retry_id: 0n,
      g_b: exchange.publicValue,
    }),
  );
  const padding = randomBytes((16 - ((20 + clientInner.length) % 16)) % 16);
  const plain = Buffer.concat([sha1(clientInner), clientInner, padding]);
  const setParams = {
    _: "set_client_DH_params",
    ...nonces,
    encrypted_data: igeEncrypt(keyAndIv, (tampering.clientPlain ?? same)(plain)),
  };
  sendPlain(dc, raw, (tampering.setClientDhParams ?? same)(setParams));
  const done = await nextPlain(dc, raw);
  if (done._ !== "dh_gen_ok") throw new Error(done._);
  const bytes = exchange.computeSecret(bytesField(answer, "g_a"));
  const proof = sha1(newNonce, Buffer.from([1]), sha1(bytes).subarray(0, 8)).subarray(4, 20);
  if (!proof.equals(bytesField(done, "new_nonce_hash1"))) throw new Error("wrong nonce hash");
  const salt = Buffer.from(
    newNonce.subarray(0, 8).map((byte, index) => byte ^ (serverNonce[index] ?? 0)),
  );
  return { bytes, id: sha1(bytes).readBigInt64LE(12), salt: salt.readBigInt64LE(0) };
}

function temporaryKey(newNonce: Buffer, serverNonce: Buffer): { key: Buffer; iv: Buffer } {
  const newThenServer = sha1(newNonce, serverNonce);
  const serverThenNew = sha1(serverNonce, newNonce);
  return {
    key: Buffer.concat([newThenServer, serverThenNew.subarray(0, 12)]),
    iv: Buffer.concat([
      serverThenNew.subarray(12, 20),
      sha1(newNonce, newNonce),
      newNonce.subarray(0, 4),
    ]),
  };
}
