import { connectNats } from "../adapters/nats/connection.ts";
import type { NatsAccess } from "../config/nats-access.ts";
import type { TransitionEvent } from "../ports/accounts/event-sink.ts";

/** Follows the events that accounts publish. */
export interface Transitions {
  readonly seen: readonly TransitionEvent[];
  /**
   * Resolves with the next event that `accepts` takes, or one seen from `since` (ms since 1970) on.
   */
  until(since: number, accepts: (event: TransitionEvent) => boolean): Promise<TransitionEvent>;
  request(subject: string, body: unknown): Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

const requestMsMax = 10_000;
const untilMsMax = 60_000;

export async function followTransitions(access: NatsAccess): Promise<Transitions> {
  const nats = await connectNats(access, "demo");
  const seen: TransitionEvent[] = [];
  const watchers = new Set<(event: TransitionEvent) => void>();
  nats.subscribe("holdfast.account.*.event", {
    callback: (_error, message) => {
      const event = message.json<TransitionEvent>();
      if (event.type !== "transition") return;
      seen.push(event);
      for (const watcher of watchers) watcher(event);
    },
  });
  await nats.flush();

  return {
    seen,
    until: (since, accepts) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          watchers.delete(look);
          reject(new Error(`nothing of the kind happened within ${untilMsMax / 1000} s`));
        }, untilMsMax);
        const look = (event: TransitionEvent) => {
          if (event.atMs < since || !accepts(event)) return;
          clearTimeout(timer);
          watchers.delete(look);
          resolve(event);
        };
        watchers.add(look);
        for (const event of seen) look(event);
      }),
    async request(subject, body) {
      const reply = await nats.request(subject, JSON.stringify(body), { timeout: requestMsMax });
      return reply.json<Readonly<Record<string, unknown>>>();
    },
    close: () => nats.close(),
  };
}
