import type { Logger } from "pino";
import {
  createStreamWatch,
  type StreamWatch,
  type StreamWatchOptions,
} from "../conversation/turns/stream-watch.ts";
import type { EventSink } from "../ports/accounts/event-sink.ts";
import { inboundLost } from "../ports/conversation/health-signs.ts";
import type { StreamLoss } from "../ports/conversation/stream-losses.ts";

export interface NodeStreamOptions extends Omit<StreamWatchOptions, "onLost"> {
  /** The account of the webhook channel; null without one. */
  readonly webhookAccount: string | null;
  readonly events: EventSink;
  readonly log: Logger;
}

/** Watches the streams of this node from now on, and reports each loss. Rejects when they cannot be compared. */
export async function watchStreams(options: NodeStreamOptions): Promise<StreamWatch> {
  const { webhookAccount, events, log, ...shared } = options;
  const watch = createStreamWatch({
    ...shared,
    onLost(loss) {
      log.error(loss, "a stream of NATS has lost messages that it had acknowledged");
      if (webhookAccount === null || loss.messagesMax === 0) return;
      events.report({
        type: "note",
        account: webhookAccount,
        code: inboundLost,
        message: messageOf(loss),
      });
    },
  });
  await watch.start();
  return watch;
}

/** Telegram's messages are fetched again; a provider has its 200 and posts nothing twice. */
const messageOf = ({ partition, knownSeq, messagesMax }: StreamLoss): string =>
  `NATS has lost up to ${messagesMax} messages of partition ${partition} that had no turn, the last at ${knownSeq}; those that were posted by webhook are not posted again`;
