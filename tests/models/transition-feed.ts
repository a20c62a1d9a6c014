import type { NatsConnection } from "@nats-io/transport-node";
import type { AccountEvent, NoteEvent, TransitionEvent } from "../../src/ports/event-sink.ts";

/** The transitions of one account, as any listener on NATS hears them. */
export interface TransitionFeed {
  /** The next one, past or future. Rejects after `waitMs`, naming the awaited transition. */
  next(waitFor: string, waitMs: number): Promise<TransitionEvent>;
  /** Discards everything published up to and including the arrival in this state. */
  skipTo(state: string): Promise<void>;
  /** Published transitions not yet taken. */
  readonly left: readonly TransitionEvent[];
  /** Notes so far, for the reader of a failure. */
  readonly notes: readonly NoteEvent[];
  close(): void;
}

export async function createTransitionFeed(
  nats: NatsConnection,
  account: string,
): Promise<TransitionFeed> {
  const heard: TransitionEvent[] = [];
  const notes: NoteEvent[] = [];
  let wake = () => {};
  const subscription = nats.subscribe(`holdfast.account.${account}.event`, {
    callback(error, message) {
      if (error !== null) return;
      const event = message.json<AccountEvent>();
      if (event.type === "note") notes.push(event);
      if (event.type === "transition") heard.push(event);
      wake();
    },
  });
  await nats.flush();

  async function next(waitFor: string, waitMs: number): Promise<TransitionEvent> {
    const first = heard.shift();
    if (first !== undefined) return first;
    const { promise, resolve, reject } = deferred();
    const timer = setTimeout(() => reject(new Error(tooLate(waitFor, waitMs, notes))), waitMs);
    wake = resolve;
    await promise;
    clearTimeout(timer);
    return next(waitFor, waitMs);
  }

  return {
    next,
    async skipTo(state) {
      const skipMs = 10_000;
      while ((await next(`the arrival in ${state}`, skipMs)).to !== state);
    },
    get left() {
      return heard;
    },
    notes,
    close: () => subscription.unsubscribe(),
  };
}

function deferred() {
  let resolve = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<void>((give, refuse) => {
    resolve = give;
    reject = refuse;
  });
  return { promise, resolve, reject };
}

function tooLate(waitFor: string, waitMs: number, notes: readonly NoteEvent[]): string {
  const told = notes.map(({ code, message }) => `${code}: ${message}`).join("; ");
  return `${waitFor} did not come within ${waitMs} ms (notes: ${told === "" ? "none" : told})`;
}
