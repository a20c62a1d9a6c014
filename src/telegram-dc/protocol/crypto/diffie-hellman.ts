import {
  type KeyObject,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  randomBytes,
} from "node:crypto";
import { tagBits, tagOctets, tagSequence, derElement, derInteger, derObjectId } from "./der.ts";

/** The generator that goes with the prime. */
export const dhGenerator = 3;

/**
 * Telegram's own 2048-bit safe prime. Clients recognise it and need not test it
 * (core.telegram.org/mtproto/auth_key).
 */
export const dhPrime = Buffer.from(
  "c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f48198a0aa7c14058229493d22530f4db" +
    "fa336f6e0ac925139543aed44cce7c3720fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64" +
    "2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4a4a695811051907e162753b56b0f6b41" +
    "0dba74d8a84b2a14b3144e0ef1284754fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4" +
    "e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f0d8115f635b105ee2e4e15d04b2454bf" +
    "6f4fadf034b10403119cd8e3b92fcc5b",
  "hex",
);
const dhPrimeValue = toBigInt(dhPrime);
/** Values outside 2^(2048-64) … p - 2^(2048-64) are refused, as the protocol advises both sides. */
const valueMargin = 1n << (2048n - 64n);
const valueBytes = 256;
const exponentBytes = 64;
/** PKCS #3 dhKeyAgreement, 1.2.840.113549.1.3.1, with the prime and the generator. */
const algorithm = derElement(tagSequence, [
  derObjectId("2a864886f70d010301"),
  derElement(tagSequence, [derInteger(dhPrime), derInteger(Buffer.from([dhGenerator]))]),
]);

/** One side of one exchange. */
export interface KeyExchange {
  /** g_a, 256 bytes, big-endian. */
  readonly publicValue: Buffer;
  /** The shared secret, 256 bytes, from the other side's value. */
  computeSecret(otherPublicValue: Uint8Array): Buffer;
}

/** A big-endian number. */
export function toBigInt(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

/** Whether a public value is far enough from 1 and p to be safe. */
export function isSafePublicValue(value: Uint8Array): boolean {
  const number = toBigInt(value);
  return number >= valueMargin && number <= dhPrimeValue - valueMargin;
}

/**
 * Starts an exchange with a fresh secret. A key for a given prime, read from DER, takes 2 ms;
 * `createDiffieHellman` would spend 200 ms on testing the same prime.
 */
export function startKeyExchange(): KeyExchange {
  const privateKey = createPrivateKey({
    key: derElement(tagSequence, [
      derInteger(Buffer.from([0])),
      algorithm,
      derElement(tagOctets, [derInteger(randomBytes(exponentBytes))]),
    ]),
    type: "pkcs8",
    format: "der",
  });
  function power(base: Uint8Array): Buffer {
    return leftPad(diffieHellman({ privateKey, publicKey: readPublicKey(base) }), valueBytes);
  }
  return { publicValue: power(Buffer.from([dhGenerator])), computeSecret: power };
}

function readPublicKey(value: Uint8Array): KeyObject {
  const bits = derElement(tagBits, [Buffer.from([0]), derInteger(value)]);
  return createPublicKey({
    key: derElement(tagSequence, [algorithm, bits]),
    type: "spki",
    format: "der",
  });
}

function leftPad(value: Uint8Array, bytes: number): Buffer {
  const padded = Buffer.alloc(bytes);
  padded.set(value, bytes - value.length);
  return padded;
}
