import type { RandomSource } from "../clock.ts";
import type { CloudPassword } from "../model.ts";
import {
  groupBytes,
  numberOf,
  powerModPrime,
  sha256,
  srpGenerator,
  srpPrime,
} from "./srp-group.ts";

/** The server's half of one password check: its secret exponent and the public value B. */
export interface SrpChallenge {
  readonly secret: bigint;
  readonly publicValue: bigint;
}

/** Starts a check: B = k·v + g^b (https://core.telegram.org/api/srp). */
export function createChallenge(password: CloudPassword, random: RandomSource): SrpChallenge {
  const multiplier = numberOf(sha256(groupBytes(srpPrime), groupBytes(srpGenerator)));
  const secret = numberOf(random.bytes(256)) % srpPrime;
  const publicValue =
    (multiplier * password.verifier + powerModPrime(srpGenerator, secret)) % srpPrime;
  return { secret, publicValue };
}

/** Whether the client's A and M1 prove that it knows the password. */
export function provesPassword(
  password: CloudPassword,
  challenge: SrpChallenge,
  clientPublic: Uint8Array,
  proof: Uint8Array,
): boolean {
  const a = numberOf(clientPublic);
  if (a <= 0n || a >= srpPrime) return false;
  const aBytes = groupBytes(a);
  const bBytes = groupBytes(challenge.publicValue);
  const scramble = numberOf(sha256(aBytes, bBytes));
  const shared = powerModPrime(
    (a * powerModPrime(password.verifier, scramble)) % srpPrime,
    challenge.secret,
  );
  const groupHash = sha256(groupBytes(srpPrime));
  const generatorHash = sha256(groupBytes(srpGenerator));
  const expected = sha256(
    groupHash.map((byte, index) => byte ^ (generatorHash[index] ?? 0)),
    sha256(password.salt1),
    sha256(password.salt2),
    aBytes,
    bBytes,
    sha256(groupBytes(shared)),
  );
  return expected.equals(Buffer.from(proof));
}
