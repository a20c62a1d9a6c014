import { signedHeaders } from "../../http-signature.ts";
import { httpTarget } from "../../inputs/address.ts";
import type { NoticeWay } from "../../ports/accounts/notices.ts";

const answerMsMax = 10_000;

/**
 * POSTs `{"id","account","code","text"}`, signed where there is a secret; any status below 300 means delivered.
 * @param now wall clock, milliseconds
 */
export function createWebhook(
  { url, secret }: { readonly url: string; readonly secret: string | null },
  now: () => number,
): NoticeWay {
  const to = httpTarget(url);
  return {
    name: "webhook",
    async send(notice) {
      const body = JSON.stringify(notice);
      const answer = await fetch(to.url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...to.headers,
          ...(secret === null ? {} : signedHeaders(secret, body, now())),
        },
        body,
        redirect: "error",
        signal: AbortSignal.timeout(answerMsMax),
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
    },
  };
}
