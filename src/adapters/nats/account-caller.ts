import { HoldfastError } from "../../errors.ts";
import type { AskHolder } from "../../ports/ask-holder.ts";
import type { JsonObject, JsonValue } from "../../ports/telegram/telegram.ts";

interface Answer {
  readonly ok: boolean;
  readonly result?: JsonValue;
  readonly code?: string;
  readonly message?: string;
  readonly next?: string;
  readonly policy?: string;
  readonly waitSeconds?: number;
}

const answerMsMax = 15_000;

/**
 * Calls a method of Telegram's through the account's holder, on any host. Rejects with
 * HoldfastError: the holder's refusal under its code, with its policy and wait, HOLDER_SILENT (retryable), or that of a
 * reply that no node made.
 */
export function createAccountCaller(ask: AskHolder) {
  return async (account: string, method: string, params: JsonObject): Promise<JsonValue> => {
    const answer = await request(ask, account, { method, params });
    if (answer.ok) return answer.result ?? null;
    const { code = "REFUSED", message = "The holder refused.", next, policy, waitSeconds } = answer;
    throw new HoldfastError({
      code,
      message,
      ...(next !== undefined && { next }),
      // A holder of an earlier version tells no policy.
      policy: policy === "retryable" ? "retryable" : "terminal",
      waitSeconds: typeof waitSeconds === "number" ? waitSeconds : undefined,
    });
  };
}

async function request(ask: AskHolder, account: string, body: object): Promise<Answer> {
  try {
    const subject = `holdfast.account.${account}.invoke`;
    return (await ask({ subject, body, timeoutMs: answerMsMax })) as Answer;
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw new HoldfastError({
      code: "HOLDER_SILENT",
      message: `The holder of ${account} does not answer.`,
      next: `It is tried again; see who holds it with: npx holdfast who ${account}`,
      policy: "retryable",
      cause,
    });
  }
}
