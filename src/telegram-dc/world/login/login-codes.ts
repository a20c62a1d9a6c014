import type { AuthKeys } from "../auth-keys.ts";
import type { Clock, RandomSource } from "../clock.ts";
import type { WorldConfig } from "../config.ts";
import type { User } from "../model.ts";
import { serviceUserId } from "../model.ts";
import type { Post } from "../post.ts";
import { createTopic } from "../topic.ts";
import type { Topic } from "../topic.ts";
import type { Users } from "../users.ts";

/** An issued login code. */
export interface LoginCode {
  readonly hash: string;
  readonly userId: bigint;
  readonly code: string;
  /**
   * Brought by the service account to the account's own sessions, or as a text message to its
   * phone.
   */
  readonly via: "app" | "sms";
  readonly expiresAtMs: number;
  triesLeft: number;
}

/** The valid codes. */
export interface LoginCodes {
  /** By the service account if the account has a session of its own, else by SMS. */
  issue(user: User): LoginCode;
  resendBySms(code: LoginCode): LoginCode;
  /** The code of that hash unless it has expired. */
  find(hash: string): LoginCode | undefined;
  forget(code: LoginCode): void;
  /** Counts a wrong try; after the last one the code counts as expired. */
  matches(code: LoginCode, given: string): boolean;
  /** The newest code of the account that has not expired. */
  latest(userId: bigint): LoginCode | undefined;
  readonly issued: Topic<LoginCode>;
}

export interface LoginCodesDeps {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly config: WorldConfig;
  readonly users: Users;
  readonly authKeys: AuthKeys;
  readonly post: Post;
}

/**
 * The service account's message. The words are ours; the shape "Login code: 12345." is Telegram's.
 */
function codeMessage(code: string): string {
  return (
    `Login code: ${code}. Do not give this code to anyone, even if they ask for it.\n\n` +
    "It logs a new device in to your account. If you did not ask for it, ignore this message."
  );
}

export function createLoginCodes(deps: LoginCodesDeps): LoginCodes {
  const { clock, random, config, users, authKeys, post } = deps;
  const byHash = new Map<string, LoginCode>();
  const issued = createTopic<LoginCode>();

  function dropExpired(): void {
    for (const code of byHash.values()) {
      if (code.expiresAtMs <= clock.nowMs()) byHash.delete(code.hash);
    }
  }

  function keep(code: LoginCode): LoginCode {
    dropExpired();
    byHash.set(code.hash, code);
    issued.publish(code);
    return code;
  }

  return {
    issued,
    issue(user) {
      const code = String(random.bytes(4).readUInt32LE(0) % 100_000).padStart(5, "0");
      const service = users.get(serviceUserId);
      const via = authKeys.ofUser(user.id).length > 0 && service !== undefined ? "app" : "sms";
      if (via === "app" && service !== undefined) {
        post.send({ from: service, to: user, text: codeMessage(code) });
      }
      return keep({
        hash: random.bytes(9).toString("hex"),
        userId: user.id,
        code,
        via,
        expiresAtMs: clock.nowMs() + config.codeLifeMs,
        triesLeft: config.codeTriesMax,
      });
    },
    resendBySms: (code) => keep({ ...code, via: "sms" }),
    find(hash) {
      const code = byHash.get(hash);
      return code !== undefined && code.expiresAtMs > clock.nowMs() && code.triesLeft > 0
        ? code
        : undefined;
    },
    forget(code) {
      byHash.delete(code.hash);
    },
    matches(code, given) {
      if (code.code === given) return true;
      code.triesLeft -= 1;
      return false;
    },
    latest(userId) {
      dropExpired();
      return [...byHash.values()].findLast((code) => code.userId === userId);
    },
  };
}
