import type { Clock } from "../concurrency/clock.ts";
import type { OutboxStore } from "../ports/conversation/outbox-store.ts";

export interface StrandedRepliesOptions {
  readonly outbox: Pick<OutboxStore, "waitingAmong">;
  /** The accounts that run here. */
  readonly host: {
    all(): readonly { readonly name: string }[];
    find(name: string): { notifyOutbox(stranded?: boolean): void } | null;
  };
  readonly clock: Pick<Clock, "monotonicMs">;
  /** At most so often, in milliseconds. */
  readonly everyMs: number;
}

/**
 * Finds replies that no news told of: no sender has begun them, or their claim got lost. Call the
 * function with every beat of this host. It never rejects, as the next beat looks again.
 */
export function sweepStrandedReplies(options: StrandedRepliesOptions): () => Promise<void> {
  const { outbox, host, clock, everyMs } = options;
  let sweptMs = 0;

  async function sweep(): Promise<void> {
    const names = host.all().map(({ name }) => name);
    for (const { account, stranded } of await outbox.waitingAmong(names)) {
      host.find(account)?.notifyOutbox(stranded);
    }
  }

  return async () => {
    if (clock.monotonicMs() - sweptMs < everyMs) return;
    sweptMs = clock.monotonicMs();
    await sweep().catch(() => undefined);
  };
}
