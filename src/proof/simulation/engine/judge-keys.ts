import type { Ending, JudgeBook } from "./judge-terms.ts";
import type { Key, SimMessenger } from "./sim-messenger.ts";

/** Judges the keys of accounts, by what Telegram knows of them. */
export interface KeyJudge {
  loggedOut(key: Key): void;
  /** Whether an account is active that nothing but its updates could keep from serving. */
  serves(account: string, state: string, sinceMs: number): void;
  end(found: Pick<Ending, "serving">): void;
}

export function createKeyJudge(
  { broke, troubles, nowMs }: JudgeBook,
  messenger: () => Pick<SimMessenger, "keys">,
): KeyJudge {
  const goodOf = (account: string): readonly string[] =>
    [...messenger().keys.values()]
      .filter((key) => key.account === account && key.state === "authorised")
      .map(({ id }) => id);

  return {
    loggedOut({ account, id }) {
      if (goodOf(account).length > 0) return;
      broke({ invariant: "keys", message: `${account} logged out its last key ${id}` });
    },
    serves(account, state, sinceMs) {
      const healthyMs = troubles.healthyMs(account, "reply", sinceMs, nowMs());
      if (state.startsWith("active") || state === "cooling" || healthyMs < nowMs() - sinceMs)
        return;
      broke({
        invariant: "rest",
        message: `${account} is ${state} although only its updates rest`,
      });
    },
    end({ serving }) {
      for (const { account, state, keyId } of serving) {
        const good = goodOf(account);
        const isServed = keyId !== null && good.includes(keyId) && state.startsWith("active");
        const known = `Telegram knows ${good.join(" ") || "no key"}`;
        if (!isServed) {
          broke({
            invariant: "keys",
            message: `${account} is ${state} with key ${keyId}, and ${known}`,
          });
        } else if (good.length > 1) {
          broke({ invariant: "keys", message: `${account} has forgotten a key: ${known}` });
        }
      }
    },
  };
}
