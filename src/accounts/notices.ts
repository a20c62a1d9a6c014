import type { Clock } from "../concurrency/clock.ts";
import type { AccountEvent, NoteEvent } from "../ports/accounts/event-sink.ts";
import type { Notice, NoticeWay } from "../ports/accounts/notices.ts";

const waitingMax = 100;
const triesMax = 6;
const retryMs = 5_000;

/** The notice that tells a person of an event; null: none. */
export function noticeOf(event: AccountEvent): Notice | null {
  if (event.type === "note") return personNotice(event);
  if (event.type !== "transition" || event.from === event.to) return null;
  const { account, from, to, reason, atMs } = event;
  const why = reason === null ? "" : ` ${reason.message} (${reason.code}).`;
  const id = `${account}-${to}-${atMs}`;
  if (to === "quarantined") {
    const text = `${account} is logged out: its key is dead.${why} Next: npx holdfast recover ${account}`;
    return { id, account, code: "KEY_DEAD", text };
  }
  if (from === "burying" && to === "seeking") {
    const text = `A key of ${account} is dead, and another one that was logged in already serves from now on.${why} Next: npx holdfast status ${account}`;
    return { id, account, code: "KEY_REPLACED", text };
  }
  if (to === "aborting") {
    const text = `The renewal of ${account} was aborted and its old session stays.${why} Next: npx holdfast status ${account}`;
    return { id, account, code: "RENEWAL_ABORTED", text };
  }
  return null;
}

/** The same renewal is told once: its id makes that of the notice. */
function personNotice({ account, code, message, of }: NoteEvent): Notice | null {
  if (code !== "RENEWAL_NEEDS_PERSON" || of === undefined) return null;
  const text = `${account}: ${message}. Next: npx holdfast password ${account}, or npx holdfast renew ${account}`;
  return { id: `${of}-needs-person`, account, code, text };
}

/**
 * Sends notices over every way and retries for a while. `onLost` hears of each that still does not
 * arrive.
 */
export function createNotices({
  ways,
  clock,
  onLost,
}: {
  readonly ways: readonly NoticeWay[];
  readonly clock: Clock;
  onLost(notice: Notice, way: string, error: unknown): void;
}): (event: AccountEvent) => void {
  let waiting = 0;

  function send(way: NoticeWay, notice: Notice, triesLeft: number): void {
    way.send(notice).then(
      () => (waiting -= 1),
      (error: unknown) => {
        if (triesLeft > 1) {
          const laterMs = retryMs * 2 ** (triesMax - triesLeft);
          clock.schedule(laterMs, () => send(way, notice, triesLeft - 1));
          return;
        }
        waiting -= 1;
        onLost(notice, way.name, error);
      },
    );
  }

  return (event) => {
    const notice = noticeOf(event);
    if (notice === null) return;
    for (const way of ways) {
      if (waiting >= waitingMax) {
        onLost(notice, way.name, new Error(`${waitingMax} notices are waiting already`));
        continue;
      }
      waiting += 1;
      send(way, notice, triesMax);
    }
  };
}
