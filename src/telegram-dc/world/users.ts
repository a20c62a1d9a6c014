import { createHmac } from "node:crypto";
import type { RandomSource } from "./clock.ts";
import { ControlError } from "./control-error.ts";
import { createMailbox } from "./mailbox.ts";
import type { CloudPassword, User } from "./model.ts";
import { serviceUserId } from "./model.ts";
import { passwordVerifier } from "./login/srp-group.ts";

/** The data of a new person or bot. */
export interface UserSpec {
  /** With or without `+` and spaces; made up when absent, except for bots. */
  readonly phone?: string | undefined;
  readonly firstName: string;
  readonly lastName?: string | undefined;
  readonly username?: string | undefined;
  /** Of the user's app, such as `fr`; bots are told it. */
  readonly langCode?: string | undefined;
  /** Cloud password (2FA). */
  readonly password?: string | undefined;
  readonly bot?: boolean | undefined;
}

/** All accounts. */
export interface Users {
  /** @throws ControlError BAD_USER, PHONE_TAKEN or USERNAME_TAKEN; nothing has changed then. */
  add(spec: UserSpec): User;
  /** Restores a user of an earlier run. */
  restore(user: User): void;
  get(id: bigint): User | undefined;
  byPhone(phone: string): User | undefined;
  byUsername(username: string): User | undefined;
  byBotToken(token: string): User | undefined;
  all(): Iterable<User>;
  /** The access hash of `target` for `viewer`; each pair has its own. */
  accessHash(viewerId: bigint, targetId: bigint): bigint;
  secret(): Buffer;
}

const userIdFirst = 5_000_000_001n;

/** Digits of a phone number. */
function phoneDigits(phone: string): string {
  return phone.replaceAll(/\D/g, "");
}

export function createUsers(random: RandomSource, secret: Buffer = random.bytes(32)): Users {
  const byId = new Map<bigint, User>();
  const byPhone = new Map<string, User>();
  const byUsername = new Map<string, User>();
  const byToken = new Map<string, User>();
  let idNext = userIdFirst;

  function restore(user: User): void {
    byId.set(user.id, user);
    if (user.phone !== undefined) byPhone.set(user.phone, user);
    if (user.username !== undefined) byUsername.set(user.username.toLowerCase(), user);
    if (user.botToken !== undefined) byToken.set(user.botToken, user);
    if (user.id >= idNext) idNext = user.id + 1n;
  }

  function add(spec: UserSpec): User {
    const id = idNext;
    const isBot = spec.bot === true;
    const phone = isBot ? undefined : phoneDigits(spec.phone ?? `99966${id % 10_000_000n}`);
    refuseBadSpec(spec, phone);
    if (phone !== undefined && byPhone.has(phone)) {
      throw new ControlError(
        "PHONE_TAKEN",
        409,
        `the phone number ${phone} already has an account; give another one or use that account`,
      );
    }
    if (spec.username !== undefined && byUsername.has(spec.username.toLowerCase())) {
      throw new ControlError(
        "USERNAME_TAKEN",
        409,
        `the username ${spec.username} is taken; give another one or use that account`,
      );
    }
    const user: User = {
      id,
      phone,
      firstName: spec.firstName,
      lastName: spec.lastName,
      username: spec.username,
      langCode: spec.langCode,
      isBot,
      botToken: isBot ? `${id}:${random.bytes(26).toString("base64url")}` : undefined,
      password: spec.password === undefined ? undefined : cloudPassword(spec.password, random),
      deactivated: undefined,
      mailbox: createMailbox(),
    };
    restore(user);
    return user;
  }

  restore(serviceAccount());
  return {
    add,
    restore,
    get: (id) => byId.get(id),
    byPhone: (phone) => byPhone.get(phoneDigits(phone)),
    byUsername: (username) => byUsername.get(username.replace(/^@/, "").toLowerCase()),
    byBotToken: (token) => byToken.get(token),
    all: () => byId.values(),
    accessHash: (viewerId, targetId) =>
      createHmac("sha256", secret).update(`${viewerId}:${targetId}`).digest().readBigInt64LE(0),
    secret: () => secret,
  };
}

function refuseBadSpec(spec: UserSpec, phone: string | undefined): void {
  const fault = faultOf(spec, phone);
  if (fault !== undefined) throw new ControlError("BAD_USER", 400, `no user was created: ${fault}`);
}

function faultOf(spec: UserSpec, phone: string | undefined): string | undefined {
  if (spec.firstName.trim() === "") return "firstName is empty; give a name";
  if (phone !== undefined && !/^\d{5,15}$/.test(phone)) {
    return "phone must have 5 to 15 digits, such as +9996612345";
  }
  if (spec.username !== undefined && !/^[A-Za-z]\w{2,31}$/.test(spec.username)) {
    return "username must be 3 to 32 letters, digits or underscores and begin with a letter";
  }
  if (spec.bot === true && spec.password !== undefined)
    return "a bot has no password; leave it out";
  if (spec.password === "") return "password is empty; leave it out or give one";
  return undefined;
}

function cloudPassword(password: string, random: RandomSource): CloudPassword {
  const salt1 = random.bytes(8);
  const salt2 = random.bytes(16);
  return { salt1, salt2, verifier: passwordVerifier(password, salt1, salt2), hint: "" };
}

function serviceAccount(): User {
  return {
    id: serviceUserId,
    phone: "42777",
    firstName: "Telegram",
    lastName: undefined,
    username: undefined,
    langCode: undefined,
    isBot: false,
    botToken: undefined,
    password: undefined,
    deactivated: undefined,
    mailbox: createMailbox(),
  };
}
