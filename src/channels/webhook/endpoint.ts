import { signedHeaders } from "../../http-signature.ts";
import { httpTarget } from "../../inputs/address.ts";
import type { WebhookEndpoint } from "./deliver.ts";

const answerMsMax = 10_000;
const retryAfterSecondsMax = 3600;

/**
 * POSTs each reply as JSON, with its id as `Idempotency-Key`, the time of the attempt as `X-Holdfast-Timestamp`, and
 * the HMAC-SHA256 of both as `X-Holdfast-Signature: sha256=<hex>`.
 */
export function createWebhookEndpoint(
  url: string,
  secret: string,
  now: () => number,
): WebhookEndpoint {
  const to = httpTarget(url);
  return {
    async post(reply) {
      const body = JSON.stringify(reply);
      const answer = await fetch(to.url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...to.headers,
          "idempotency-key": reply.id,
          ...signedHeaders(secret, body, now()),
        },
        body,
        redirect: "manual",
        signal: AbortSignal.timeout(answerMsMax),
      });
      await answer.body?.cancel();
      const seconds = Number(answer.headers.get("retry-after") ?? Number.NaN);
      const isGiven = (answer.status === 429 || answer.status === 503) && seconds >= 0;
      return {
        status: answer.status,
        retryAfterSeconds: isGiven ? Math.min(Math.ceil(seconds), retryAfterSecondsMax) : null,
      };
    },
  };
}
