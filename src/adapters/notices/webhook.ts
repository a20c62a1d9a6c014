import type { NoticeWay } from "../../ports/accounts/notices.ts";

const answerMsMax = 10_000;

/** POSTs `{"id","account","code","text"}`; any status below 300 means delivered. */
export function createWebhook(url: string): NoticeWay {
  return {
    name: "webhook",
    async send(notice) {
      const answer = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(notice),
        redirect: "error",
        signal: AbortSignal.timeout(answerMsMax),
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`);
    },
  };
}
