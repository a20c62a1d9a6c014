import type { TlObject } from "../../seam.ts";
import type { AuthKeys } from "../auth-keys.ts";
import { randomLong, type RandomSource } from "../clock.ts";
import type { WorldConfig } from "../config.ts";
import type { Logins } from "../login/logins.ts";
import type { AuthKeyRecord, CloudPassword, User } from "../model.ts";
import { badRequest, floodWait } from "../rpc-error.ts";
import { createChallenge, provesPassword } from "../login/srp.ts";
import type { SrpChallenge } from "../login/srp.ts";
import { groupBytes, srpGenerator, srpPrime } from "../login/srp-group.ts";
import { bytesField, longField, objectField } from "../tl-fields.ts";
import type { Users } from "../users.ts";
import type { MethodTable } from "./method.ts";

interface OpenCheck {
  readonly challenge: SrpChallenge;
  readonly userId: bigint;
  readonly authKeyId: string;
}

const checksMax = 10_000;
const wrongPasswordWaitS = 3600;

/** The cloud password by SRP (https://core.telegram.org/api/srp). */
export function createPasswordMethods(deps: {
  readonly random: RandomSource;
  readonly config: WorldConfig;
  readonly users: Users;
  readonly authKeys: AuthKeys;
  readonly logins: Logins;
}): MethodTable {
  const { random, config, users, authKeys, logins } = deps;
  const checks = new Map<bigint, OpenCheck>();
  const wrongTries = new Map<bigint, number>();

  function subject(key: AuthKeyRecord): User {
    const pending =
      key.passwordPendingUserId === undefined ? undefined : users.get(key.passwordPendingUserId);
    return pending ?? authKeys.requireUser(key);
  }

  function openCheck(user: User, password: CloudPassword, authKeyId: string): TlObject {
    const challenge = createChallenge(password, random);
    const id = randomLong(random);
    checks.set(id, { challenge, userId: user.id, authKeyId });
    if (checks.size > checksMax) {
      const [oldest] = checks.keys();
      if (oldest !== undefined) checks.delete(oldest);
    }
    return {
      _: "account.password",
      has_password: true,
      current_algo: algorithm(password.salt1, password.salt2),
      srp_B: groupBytes(challenge.publicValue),
      srp_id: id,
      hint: password.hint,
      ...newPasswordFields(random),
    };
  }

  return {
    "account.getPassword"(caller) {
      const user = subject(caller.key);
      if (user.password !== undefined) return openCheck(user, user.password, caller.key.id);
      return { _: "account.password", ...newPasswordFields(random) };
    },
    "auth.checkPassword"(caller, query) {
      const user = subject(caller.key);
      const proof = objectField(query, "password");
      if (proof._ !== "inputCheckPasswordSRP" || user.password === undefined) {
        throw badRequest("PASSWORD_HASH_INVALID");
      }
      const id = longField(proof, "srp_id");
      const check = checks.get(id);
      checks.delete(id);
      if (check === undefined || check.userId !== user.id || check.authKeyId !== caller.key.id) {
        throw badRequest("SRP_ID_INVALID");
      }
      const wrong = wrongTries.get(user.id) ?? 0;
      if (wrong >= config.passwordTriesMax) throw floodWait(wrongPasswordWaitS);
      const a = bytesField(proof, "A");
      if (!provesPassword(user.password, check.challenge, a, bytesField(proof, "M1"))) {
        wrongTries.set(user.id, wrong + 1);
        throw badRequest("PASSWORD_HASH_INVALID");
      }
      wrongTries.delete(user.id);
      return logins.authorise(caller.key, user);
    },
  };
}

function algorithm(salt1: Buffer, salt2: Buffer): TlObject {
  return {
    _: "passwordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow",
    salt1,
    salt2,
    g: Number(srpGenerator),
    p: groupBytes(srpPrime),
  };
}

function newPasswordFields(random: RandomSource): Omit<TlObject, "_"> {
  return {
    new_algo: algorithm(random.bytes(8), random.bytes(16)),
    new_secure_algo: { _: "securePasswordKdfAlgoUnknown" },
    secure_random: random.bytes(32),
  };
}
