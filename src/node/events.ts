import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "pino";
import type { Metrics } from "../adapters/metrics/metrics.ts";
import { publishEvent } from "../adapters/nats/command-server.ts";
import { createTelegramNotice } from "../adapters/notices/telegram-message.ts";
import { createWebhook } from "../adapters/notices/webhook.ts";
import type { Config } from "../config/config.ts";
import type { NoticeWay } from "../ports/accounts/notices.ts";
import { createNotices } from "../accounts/notices.ts";
import { errorLine } from "../errors.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { AccountEvent, EventSink } from "../ports/accounts/event-sink.ts";
import type { AskHolder } from "../ports/ask-holder.ts";

export interface NodeEventOptions {
  readonly nats: NatsConnection;
  readonly askHolder: AskHolder;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, "event">;
  readonly ways: Config["notices"];
  /** Tells hosts that wait for a login of an account that it has happened. */
  onAuthorised(): void;
}

export interface NodeEvents extends EventSink {
  /** An account here has come to serve. */
  onActive(listener: () => void): void;
  /** How people are reached; empty where that was not wished. */
  readonly ways: readonly NoticeWay[];
}

/** Where this node reports events: NATS, metrics, the log, and a person where that was wished. */
export function createNodeEvents(options: NodeEventOptions): NodeEvents {
  const { nats, log, clock, metrics, ways } = options;
  const noticeWays: readonly NoticeWay[] = [
    ...(ways.webhook === null ? [] : [createWebhook(ways.webhook, () => clock.now())]),
    ...(ways.telegram === null ? [] : [createTelegramNotice(options.askHolder, ways.telegram)]),
  ];
  const activeListeners: (() => void)[] = [];
  const sink: EventSink = {
    report(event) {
      publishEvent(nats, event);
      metrics.event(event);
      notify(event);
      logEvent(log, event);
      if (event.type !== "transition") return;
      if (event.event === "slot.authorised") options.onAuthorised();
      if (event.to === "active") for (const listener of activeListeners) listener();
    },
  };
  const notify = createNotices({
    ways: noticeWays,
    clock,
    onLost: ({ account, code }, way, error) =>
      sink.report({
        type: "note",
        account,
        code: "NOTICE_NOT_DELIVERED",
        message: `${code} did not reach anybody by ${way}: ${errorLine(error)}`,
      }),
  });
  return { ...sink, ways: noticeWays, onActive: (listener) => void activeListeners.push(listener) };
}

/** One line of the log for an event; a question's own content, such as the address of a QR code, stays out. */
function logEvent(log: Logger, event: AccountEvent): void {
  switch (event.type) {
    case "transition":
      return log.info(event, `${event.from} → ${event.to}`);
    case "step":
      return log.info(event, `renewal ${event.renewal}: ${event.step}`);
    case "question": {
      const { account, question } = event;
      const { of, kind } = question;
      return log.info({ account, of, kind }, `${of} asks for a ${kind}`);
    }
    case "note":
      return log.info(event, event.message);
  }
}
