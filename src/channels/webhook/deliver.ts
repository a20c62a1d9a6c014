import { errorLine } from "../../errors.ts";
import type { Channel, Delivery } from "../../ports/conversation/channel.ts";
import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";
import { webhookMessageId } from "./message-id.ts";
import { type MenuStyle, renderButtons, renderText } from "../../conversation/turns/menu.ts";

/** A reply on its way to the endpoint that passes it on. */
export interface WebhookReply {
  /** The same in every attempt: an endpoint that has taken it may answer 409 the next time. */
  readonly id: string;
  readonly account: string;
  /** Whom it is for, as `From` named them. */
  readonly to: string;
  readonly text: string;
  /** What may be chosen; `data` comes back as `ButtonPayload`. */
  readonly choices: readonly { readonly label: string; readonly data: string }[];
  /** The message that it answers, by the id that the sender gave it. */
  readonly answers: string;
}

/** An endpoint's answer to one attempt. */
export interface WebhookAnswer {
  readonly status: number;
  /** From `Retry-After`; null where it was not given. */
  readonly retryAfterSeconds: number | null;
}

/** Posts replies. Hides HTTP. Rejects when no answer came: the outcome is unknown. */
export interface WebhookEndpoint {
  post(reply: WebhookReply): Promise<WebhookAnswer>;
}

/**
 * The reply itself is at fault. Any other refusal holds up its number alone, until the endpoint is mended or the
 * reply is too old: 404 also comes from an endpoint that was moved for a minute.
 */
const refusedStatuses: ReadonlySet<number> = new Set([400, 410, 413, 415, 422]);
/** The endpoint knows this id already. */
const repeatedStatus = 409;
const unnumbered = 0;

/**
 * Sends replies by HTTP, at least once each. The id of a reply stays, so that the receiver can tell
 * repeats.
 */
export function createWebhookChannel(endpoint: WebhookEndpoint, style: MenuStyle): Channel {
  return {
    async deliver(item) {
      try {
        return deliveryOf(await endpoint.post(replyOf(item, style)), item.attempted);
      } catch (error) {
        return { kind: "unknown", code: "WEBHOOK_SILENT", message: errorLine(error) };
      }
    },
  };
}

function replyOf(item: OutboxItem, style: MenuStyle): WebhookReply {
  return {
    id: item.randomId,
    account: item.account,
    to: item.chatUser,
    text: renderText(item.body, item.menu, style),
    choices: renderButtons(item, "buttons") ?? [],
    answers: webhookMessageId(item.inboundId),
  };
}

function deliveryOf({ status, retryAfterSeconds }: WebhookAnswer, reached: boolean): Delivery {
  const isRepeated = status === repeatedStatus;
  if (isRepeated || (status >= 200 && status < 300)) {
    return { kind: "sent", messageId: unnumbered, readBack: isRepeated };
  }
  const [code, message] = [`WEBHOOK_${status}`, `the endpoint answered ${status}`];
  if (retryAfterSeconds !== null) {
    return {
      kind: "held",
      scope: "account",
      waitSeconds: retryAfterSeconds,
      reached,
      code,
      message,
    };
  }
  return { kind: refusedStatuses.has(status) ? "refused" : "unknown", code, message };
}
