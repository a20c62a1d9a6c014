import type { Logger } from "pino";
import {
  createStreamWatch,
  type StreamWatch,
  type StreamWatchOptions,
} from "../conversation/turns/stream-watch.ts";
import type { EventSink } from "../ports/accounts/event-sink.ts";

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
      const { partition, knownSeq, messagesMax } = loss;
      if (messagesMax === 0) {
        log.warn(loss, "a stream of NATS went back, and every message that it lost had its turn");
        return;
      }
      log.error(loss, "a stream of NATS has lost messages that it had acknowledged");
      if (webhookAccount === null) return;
      // Telegram's messages are fetched again; a provider has its 200, and posts nothing twice.
      events.report({
        type: "note",
        account: webhookAccount,
        code: "INBOUND_LOST",
        message: `NATS has lost up to ${messagesMax} messages of partition ${partition} that had no turn, the last at ${knownSeq}; those that were posted by webhook are not posted again`,
      });
    },
  });
  await watch.start();
  return watch;
}
