import { createHmac } from "node:crypto";
import type { WebhookEndpoint } from "./deliver.ts";

const answerMsMax = 10_000;
const retryAfterSecondsMax = 3600;

/**
 * POSTs each reply as JSON, with its id as `Idempotency-Key` and the HMAC-SHA256 of the body as
 * `X-Holdfast-Signature: sha256=<hex>`.
 */
export function createWebhookEndpoint(url: string, secret: string): WebhookEndpoint {
  return {
    async post(reply) {
      const body = JSON.stringify(reply);
      const signature = createHmac("sha256", secret).update(body).digest("hex");
      const answer = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "idempotency-key": reply.id,
          "x-holdfast-signature": `sha256=${signature}`,
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
