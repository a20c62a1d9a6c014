import { ControlError } from "../control-error.ts";
import { acceptLoginToken } from "../methods/auth-other.ts";
import type { AuthKeyRecord, User } from "../model.ts";
import type { Authorisation, Phone, PhoneUser } from "./phone-port.ts";
import { findUser } from "./phone-lookup.ts";
import { RpcError } from "../rpc-error.ts";
import { firstOf } from "../waiting.ts";
import type { WorldParts } from "../parts.ts";

type PhoneAccounts = Pick<
  Phone,
  | "createUser"
  | "user"
  | "users"
  | "readCode"
  | "sendCodesBy"
  | "waitForCode"
  | "authorisations"
  | "acceptLoginToken"
>;

/** The accounts of the phone and how they log in. */
export function createPhoneAccounts(parts: WorldParts): PhoneAccounts {
  const { users, codes, authKeys, clock, changed } = parts;
  const toPhoneUser = (user: User): PhoneUser => ({
    id: user.id,
    accessHash: users.accessHash(user.id, user.id),
    phone: user.phone,
    username: user.username,
    botToken: user.botToken,
  });

  return {
    createUser(spec) {
      const user = users.add(spec);
      changed.publish();
      return toPhoneUser(user);
    },
    user: (name) => toPhoneUser(findUser(users, name)),
    users: () => [...users.all()].map(toPhoneUser),
    readCode: (name) => codes.latest(findUser(users, name).id),
    sendCodesBy(name, way) {
      findUser(users, name).codeWay = way;
      changed.publish();
    },
    waitForCode(name, waitMs) {
      const user = findUser(users, name);
      return firstOf({
        clock,
        topic: codes.issued,
        already: () => codes.latest(user.id),
        pick: (code) => (code.userId === user.id ? code : undefined),
        waitMs,
      });
    },
    authorisations: (name) => authKeys.ofUser(findUser(users, name).id).map(toAuthorisation),
    acceptLoginToken(name, token) {
      const user = findUser(users, name);
      try {
        return toAuthorisation(acceptLoginToken(parts, user, token));
      } catch (error) {
        throw tokenError(error);
      }
    },
  };
}

function toAuthorisation(key: AuthKeyRecord): Authorisation {
  return {
    authKeyId: key.id,
    hash: key.authorisationHash ?? 0n,
    deviceModel: key.identity?.deviceModel ?? "",
    createdAtMs: key.authorisedAtMs ?? key.createdAtMs,
    activeAtMs: key.activeAtMs,
    address: key.address,
  };
}

function tokenError(error: unknown): unknown {
  if (!(error instanceof RpcError)) return error;
  return new ControlError(
    error.text,
    409,
    "the login token is unknown, expired or accepted already; ask the client for a new one",
    { cause: error },
  );
}
