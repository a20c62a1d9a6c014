import type { NatsConnection } from "@nats-io/transport-node";
import { HoldfastError } from "../../errors.ts";
import type { JsonObject, JsonValue } from "../../ports/telegram/telegram.ts";

interface Answer {
  readonly ok: boolean;
  readonly result?: JsonValue;
  readonly code?: string;
  readonly message?: string;
  readonly next?: string;
}

const answerMsMax = 15_000;

/**
 * Calls a method of Telegram's through the account's holder, on any host. Rejects with
 * HoldfastError: the holder's refusal under its code, or HOLDER_SILENT (retryable).
 */
export function createAccountCaller(nats: NatsConnection) {
  return async (account: string, method: string, params: JsonObject): Promise<JsonValue> => {
    const { ok, result, code, message, next } = await request(nats, account, { method, params });
    if (ok) return result ?? null;
    throw new HoldfastError({
      code: code ?? "REFUSED",
      message: message ?? "The holder refused.",
      ...(next !== undefined && { next }),
    });
  };
}

async function request(nats: NatsConnection, account: string, body: object): Promise<Answer> {
  try {
    const subject = `holdfast.account.${account}.invoke`;
    const reply = await nats.request(subject, JSON.stringify(body), { timeout: answerMsMax });
    return JSON.parse(reply.string()) as Answer;
  } catch (cause) {
    throw new HoldfastError({
      code: "HOLDER_SILENT",
      message: `The holder of ${account} does not answer.`,
      next: `It is tried again; see who holds it with: npx holdfast who ${account}`,
      policy: "retryable",
      cause,
    });
  }
}
