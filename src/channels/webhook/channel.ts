import type { Logger } from "pino";
import { createWebhookEndpoint } from "./endpoint.ts";
import { startWebhookServer, type WebhookOutcome, type WebhookServer } from "./server.ts";
import type { ServedChannel } from "../all-channels.ts";
import type { WebhookConfig } from "../../config/webhook.ts";
import { createOutboxSender, type OutboxSender } from "../../conversation/outbox/sender.ts";
import { createWebhookChannel } from "./deliver.ts";
import { webhookItem } from "./items.ts";
import { errorLine } from "../../errors.ts";
import type { Clock } from "../../concurrency/clock.ts";
import type { PartitionClaim } from "../../ports/conversation/conversation-store.ts";
import type { OutboxStore, PartitionReplies } from "../../ports/conversation/outbox-store.ts";
import type { EventSink } from "../../ports/accounts/event-sink.ts";
import type { InboundStream } from "../../ports/conversation/inbound-stream.ts";
import type { WebhookRequests } from "../../ports/conversation/webhook-requests.ts";

export interface NodeWebhookOptions {
  readonly config: WebhookConfig;
  readonly stream: Pick<InboundStream, "append">;
  readonly requests: WebhookRequests;
  readonly replies: PartitionReplies;
  readonly outbox: Pick<OutboxStore, "settle">;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly log: Logger;
  onRequest(outcome: WebhookOutcome): void;
  onReply(outcome: string): void;
  /** null: it listens. Otherwise why it does not, in one line. */
  onListening(fault: string | null): void;
}

/**
 * The webhook channel of this node: the messages posted to it, and the replies of its own
 * partitions.
 */
export interface NodeWebhook extends ServedChannel {
  /** Listens, and tries again while an earlier process still does. */
  listen(): void;
  makeSender(claim: PartitionClaim, onLost: () => void): OutboxSender;
  stop(): Promise<void>;
}

const listenAgainMs = 1000;

export function createNodeWebhook(options: NodeWebhookOptions): NodeWebhook {
  const { config, stream, clock, log } = options;
  const channel = createWebhookChannel(
    createWebhookEndpoint(config.replyUrl, config.replySecret, () => clock.now()),
    config.menus,
  );
  let server: WebhookServer | null = null;
  let stopped = false;
  let told: string | null = null;
  let cancel = () => {};

  async function tryToListen(): Promise<void> {
    const { host, port, url, secret, account } = config;
    const started = await startWebhookServer({
      host,
      port,
      url,
      secret,
      onRequest: options.onRequest,
      async take(fields, digest) {
        const item = webhookItem(fields, account, clock.now());
        if ("fault" in item) return item;
        const inboundId = await options.requests.firstId(digest, item.inboundId);
        await stream.append([{ ...item, inboundId }]);
        return null;
      },
    });
    log.info({ webhook: `http://${host}:${started.port}` }, "the webhook channel listens");
    if (stopped) return started.close();
    server = started;
    options.onListening(null);
  }

  function listen(): void {
    tryToListen().catch((error: unknown) => {
      const fault = errorLine(error);
      if (fault !== told)
        log.warn(`the webhook channel cannot listen yet, and tries again: ${fault}`);
      told = fault;
      options.onListening(fault);
      if (!stopped) cancel = clock.schedule(listenAgainMs, listen);
    });
  }

  return {
    name: "webhook",
    styleOf: (account) => (account === config.account ? config.menus : null),
    listen,
    makeSender(claim, onLost) {
      const sender: OutboxSender = createOutboxSender({
        account: config.account,
        replies: {
          claim: (what) => options.replies.claim(claim, what),
          recover: (held) => options.replies.recover(claim, held),
          settle: (results) => options.outbox.settle(results, { slot: null, epoch: claim.epoch }),
        },
        channel,
        clock,
        events: options.events,
        onFlood: (seconds) => void clock.schedule(seconds * 1000, () => sender.resume()),
        onTokenLost: onLost,
        onReply: options.onReply,
      });
      return sender;
    },
    async stop() {
      stopped = true;
      cancel();
      await server?.close();
    },
  };
}
