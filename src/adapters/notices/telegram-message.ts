import type { NatsConnection } from "@nats-io/transport-node";
import type { NoticeWay } from "../../ports/accounts/notices.ts";

const answerMsMax = 35_000;

/**
 * Sends a notice as a message from one of the fleet's accounts, through its holder. The notice's id
 * prevents a second copy.
 */
export function createTelegramNotice(
  nats: NatsConnection,
  { from, to }: { readonly from: string; readonly to: string },
): NoticeWay {
  return {
    name: `message from ${from}`,
    async send({ id, account, text }) {
      if (account === from) throw new Error(`${from} cannot tell of itself`);
      const body = JSON.stringify({ peer: to, text, key: `notice-${id}` });
      const reply = await nats.request(`holdfast.account.${from}.send`, body, {
        timeout: answerMsMax,
      });
      const answer = JSON.parse(reply.string()) as { ok: boolean; message?: string };
      if (!answer.ok) throw new Error(answer.message ?? "it was refused");
    },
  };
}
