import type { NoticeWay } from "../../ports/accounts/notices.ts";
import type { AskHolder } from "../../ports/ask-holder.ts";

const answerMsMax = 35_000;

/**
 * Sends a notice as a message from one of the fleet's accounts, through its holder. The notice's id
 * prevents a second copy.
 */
export function createTelegramNotice(
  ask: AskHolder,
  { from, to }: { readonly from: string; readonly to: string },
): NoticeWay {
  return {
    name: `message from ${from}`,
    async send({ id, account, text }) {
      if (account === from) throw new Error(`${from} cannot tell of itself`);
      const body = { peer: to, text, key: `notice-${id}` };
      const subject = `holdfast.account.${from}.send`;
      const answer = (await ask({ subject, body, timeoutMs: answerMsMax })) as {
        readonly ok: boolean;
        readonly message?: string;
      };
      if (!answer.ok) throw new Error(answer.message ?? "it was refused");
    },
  };
}
