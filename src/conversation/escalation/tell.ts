import { createWorker } from "../../concurrency/worker.ts";
import { errorLine } from "../../errors.ts";
import type { Clock } from "../../concurrency/clock.ts";
import type { Notice, NoticeWay } from "../../ports/accounts/notices.ts";
import type { Escalation, EscalationStore } from "../../ports/conversation/escalation-store.ts";

/** Told in one go. */
const atOnceMax = 20;
/** Longer than every way may take: who has claimed a notice is gone then, and another host sends it. */
const holdMs = 120_000;
const triesMax = 12;
const firstRestMs = 5_000;
const restMsMax = 3_600_000;

export interface EscalationNoticesOptions {
  readonly store: Pick<EscalationStore, "claimUntold" | "told" | "notTold">;
  /** Where none is set, nothing is claimed: a host that has one tells. */
  readonly ways: readonly NoticeWay[];
  readonly clock: Pick<Clock, "monotonicMs">;
  /** `tick` looks at most so often, in milliseconds. */
  readonly everyMs: number;
  /** A way did not take a notice. `isLast`: it is not tried again, and no person was told. */
  onFailure(of: Escalation, way: string, line: string, isLast: boolean): void;
  onFault(error: unknown): void;
}

/** Tells people of sessions that wait for them. */
export interface EscalationNotices {
  /** A session was handed over just now. Resolves when what is due was tried; never rejects. */
  wake(): Promise<void>;
  /** With every beat of this host: what a crash or a failed way has left is taken up. */
  tick(): void;
  /** Resolves when nothing is under way any more. */
  stop(): Promise<void>;
}

/**
 * Sends one notice for each escalation, after the commit that recorded it. The row says whether it arrived, so that a
 * crash costs a repetition at most; that has the same id. One way that takes it is enough. While every way fails it is
 * tried again, from 5 s to an hour, 12 times within a day.
 */
export function createEscalationNotices(options: EscalationNoticesOptions): EscalationNotices {
  const { store, ways, clock, everyMs } = options;
  let lookedMs = -everyMs;

  async function tell(one: Escalation & { readonly tries: number }): Promise<void> {
    const notice = noticeOf(one);
    const isLast = one.tries >= triesMax;
    const sent = await Promise.all(
      ways.map((way) =>
        way.send(notice).then(
          () => true,
          (error: unknown) => {
            options.onFailure(one, way.name, errorLine(error), isLast);
            return false;
          },
        ),
      ),
    );
    if (sent.includes(true) || isLast) return store.told(one);
    await store.notTold(one, Math.min(restMsMax, firstRestMs * 2 ** (one.tries - 1)));
  }

  async function look(): Promise<void> {
    for (;;) {
      const due = await store.claimUntold({ limit: atOnceMax, holdMs, triesMax });
      await Promise.all(due.map(tell));
      if (due.length < atOnceMax) return;
    }
  }

  const worker = createWorker(look, options.onFault);
  /** Never rejects. */
  const wake = async (): Promise<void> => {
    if (ways.length > 0) await worker.wake();
  };

  return {
    wake,
    tick() {
      if (clock.monotonicMs() - lookedMs < everyMs) return;
      lookedMs = clock.monotonicMs();
      void wake();
    },
    stop: worker.stop,
  };
}

/** Carries no word of the conversation. The same escalation has the same id. */
function noticeOf({ session, account, chatUser, sinceMs }: Escalation): Notice {
  return {
    id: `escalation-${session}-${sinceMs}`,
    account,
    code: "SESSION_ESCALATED",
    text: `${account}: chat user ${chatUser} waits for a person in session ${session}. Next: npx holdfast conversation show ${session}, then npx holdfast conversation reply ${session} "…"`,
  };
}
