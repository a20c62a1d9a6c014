import type { Clock } from "../concurrency/clock.ts";
import type { InboundItem, InboundStream } from "../ports/conversation/inbound-stream.ts";
import type { UndeliveredReplies, UntoldReply } from "../ports/conversation/undelivered-replies.ts";

export interface UndeliverableOptions {
  readonly undelivered: Pick<UndeliveredReplies, "untold" | "told">;
  readonly stream: Pick<InboundStream, "append">;
  /** The accounts whose replies leave from this host, and whose bots have said that they hear of such replies. */
  accounts(): readonly string[];
  readonly clock: Pick<Clock, "monotonicMs">;
  /** At most so often, in milliseconds. */
  readonly everyMs: number;
}

/**
 * Tells the bot of replies that were given up: each becomes an item of the stream, and is told once, as its id is the
 * reply's. Call the function with every beat of this host. It never rejects, as the next beat looks again; after an
 * hour a reply is no news any more.
 */
export function tellUndeliverable(options: UndeliverableOptions): () => Promise<void> {
  const { undelivered, stream, clock, everyMs } = options;
  let toldMs = 0;

  async function tell(accounts: readonly string[]): Promise<void> {
    const replies = await undelivered.untold(accounts);
    if (replies.length === 0) return;
    await stream.append(replies.map(undeliverableItem));
    await undelivered.told(replies.map(({ id }) => id));
  }

  return async () => {
    if (clock.monotonicMs() - toldMs < everyMs) return;
    toldMs = clock.monotonicMs();
    const accounts = options.accounts();
    if (accounts.length > 0) await tell(accounts).catch(() => undefined);
  };
}

const undeliverableItem = (reply: UntoldReply): InboundItem => ({
  channel: reply.channel,
  account: reply.account,
  chatUser: reply.chatUser,
  peer: { userId: reply.chatUser, accessHash: reply.accessHash },
  inboundId: `undelivered:${reply.id}`,
  kind: "undeliverable",
  text: reply.text,
  code: reply.code,
  receivedAtMs: Date.parse(reply.at),
});
