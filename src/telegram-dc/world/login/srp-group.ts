import { createHash, pbkdf2Sync } from "node:crypto";

/**
 * The 2048-bit safe prime and generator that Telegram's servers hand out
 * (https://core.telegram.org/mtproto/auth_key, https://core.telegram.org/api/srp).
 */
export const srpPrime = BigInt(
  "0xC71CAEB9C6B1C9048E6C522F70F13F73980D40238E3E21C14934D037563D930F48198A0AA7C14058229493D22530F4DB" +
    "FA336F6E0AC925139543AED44CCE7C3720FD51F69458705AC68CD4FE6B6B13ABDC9746512969328454F18FAF8C595F64" +
    "2477FE96BB2A941D5BCD1D4AC8CC49880708FA9B378E3C4F3A9060BEE67CF9A4A4A695811051907E162753B56B0F6B41" +
    "0DBA74D8A84B2A14B3144E0EF1284754FD17ED950D5965B4B9DD46582DB1178D169C6BC465B0D6FF9CA3928FEF5B9AE4" +
    "E418FC15E83EBEA0F87FA9FF5EED70050DED2849F47BF959D956850CE929851F0D8115F635B105EE2E4E15D04B2454BF" +
    "6F4FADF034B10403119CD8E3B92FCC5B",
);
export const srpGenerator = 3n;
const srpGroupBytes = 256;

export function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** A number as 256 big-endian bytes, the form of the group's elements for hashing and sending. */
export function groupBytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(srpGroupBytes * 2, "0"), "hex");
}

export function numberOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

/** base^exponent mod srpPrime. */
export function powerModPrime(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base % srpPrime;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % srpPrime;
    square = (square * square) % srpPrime;
  }
  return result;
}

function salted(data: Uint8Array, salt: Buffer): Buffer {
  return sha256(salt, data, salt);
}

/** The verifier g^x of a password, x being the PBKDF2 hash that the SRP page prescribes. */
export function passwordVerifier(password: string, salt1: Buffer, salt2: Buffer): bigint {
  const first = salted(salted(Buffer.from(password, "utf8"), salt1), salt2);
  const stretched = pbkdf2Sync(first, salt1, 100_000, 64, "sha512");
  return powerModPrime(srpGenerator, numberOf(salted(stretched, salt2)));
}
