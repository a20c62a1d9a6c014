import { createSealKey } from "../adapters/crypto/curve-seal.ts";
import { HoldfastError } from "../errors.ts";
import { followLogin, type FollowOptions } from "./follow.ts";
import { onAccount } from "./on-account.ts";

/** Logs an account in and follows it. Resolves with the exit code. Throws as `onAccount` does. */
export async function logIn(options: FollowOptions, method: string): Promise<number> {
  const qrKey = createSealKey();
  // An account that was only just added is taken up within moments.
  for (let triesLeft = 20; ; triesLeft -= 1) {
    try {
      const { login } = await onAccount(options.account, "login", {
        method,
        sealTo: qrKey.publicKey,
      });
      return await followLogin(login, { ...options, qrKey });
    } catch (error) {
      const isEarly = error instanceof HoldfastError && error.code === "ACCOUNT_NOT_RUNNING";
      if (!isEarly || triesLeft === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
