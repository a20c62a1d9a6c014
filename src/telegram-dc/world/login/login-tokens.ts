import type { Clock, RandomSource } from "../clock.ts";
import type { WorldConfig } from "../config.ts";
import type { User } from "../model.ts";
import { badRequest } from "../rpc-error.ts";

/**
 * A QR login token (https://core.telegram.org/api/qr-login): one key shows it, another accepts it.
 */
export interface LoginToken {
  readonly token: Buffer;
  readonly authKeyId: string;
  readonly expiresAtMs: number;
  acceptedBy: bigint | undefined;
}

export interface LoginTokens {
  /** The key's standing token, or a new one. */
  ofKey(authKeyId: string): LoginToken;
  /** @throws RpcError AUTH_TOKEN_INVALIDX, AUTH_TOKEN_EXPIRED, AUTH_TOKEN_ALREADY_ACCEPTED */
  accept(token: Uint8Array, user: User): LoginToken;
  find(token: Uint8Array): LoginToken | undefined;
  forget(token: LoginToken): void;
}

const tokensMax = 10_000;

export function createLoginTokens(deps: {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly config: WorldConfig;
}): LoginTokens {
  const { clock, random, config } = deps;
  const tokens = new Map<string, LoginToken>();
  const byKey = new Map<string, LoginToken>();

  const find = (token: Uint8Array): LoginToken | undefined =>
    tokens.get(Buffer.from(token).toString("hex"));

  function issue(authKeyId: string): LoginToken {
    const token: LoginToken = {
      token: random.bytes(32),
      authKeyId,
      expiresAtMs: clock.nowMs() + config.loginTokenLifeMs,
      acceptedBy: undefined,
    };
    tokens.set(token.token.toString("hex"), token);
    byKey.set(authKeyId, token);
    const [oldest] = tokens.values();
    if (tokens.size > tokensMax && oldest !== undefined) forget(oldest);
    return token;
  }
  function forget(token: LoginToken): void {
    tokens.delete(token.token.toString("hex"));
    if (byKey.get(token.authKeyId) === token) byKey.delete(token.authKeyId);
  }

  return {
    find,
    forget,
    ofKey(authKeyId) {
      const standing = byKey.get(authKeyId);
      const isGood =
        standing !== undefined &&
        (standing.acceptedBy !== undefined || standing.expiresAtMs > clock.nowMs());
      return isGood ? standing : issue(authKeyId);
    },
    accept(bytes, user) {
      const token = find(bytes);
      if (token === undefined) throw badRequest("AUTH_TOKEN_INVALIDX");
      if (token.acceptedBy !== undefined) throw badRequest("AUTH_TOKEN_ALREADY_ACCEPTED");
      if (token.expiresAtMs <= clock.nowMs()) throw badRequest("AUTH_TOKEN_EXPIRED");
      token.acceptedBy = user.id;
      return token;
    },
  };
}
