import type { ConversationMetrics } from "../adapters/metrics/conversation-metrics.ts";
import { type Backlog, createBacklog } from "../conversation/turns/backlog/backlog.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { EventSink } from "../ports/accounts/event-sink.ts";
import type { BacklogStore } from "../ports/conversation/backlog-store.ts";
import type { ConversationRecords } from "../ports/conversation/conversation-records.ts";
import type { PartitionClaim } from "../ports/conversation/conversation-store.ts";
import type { EscalationFigures, EscalationStore } from "../ports/conversation/escalation-store.ts";
import type { InboundStream } from "../ports/conversation/inbound-stream.ts";
import type { ParkedStore } from "../ports/conversation/parked-store.ts";

export interface ConversationFigureOptions {
  readonly metrics: ConversationMetrics;
  readonly records: Pick<ConversationRecords, "duplicates">;
  readonly escalations: Pick<EscalationStore, "figures">;
  readonly parked: ParkedStore;
  readonly stream: InboundStream;
  readonly backlog: BacklogStore;
  readonly clock: Clock;
  readonly events: EventSink;
}

/** Figures of the database and of the backlogs, as they were at the last scrape. Answers the maker of a backlog. */
export function showFigures(
  options: ConversationFigureOptions,
): (claim: PartitionClaim, mayBegin: () => boolean) => Backlog {
  const { metrics, records, clock } = options;
  let duplicates = 0;
  metrics.duplicateSessions(() => {
    records.duplicates().then(
      (users) => (duplicates = users),
      () => undefined,
    );
    return duplicates;
  });

  let escalations: EscalationFigures = { escalated: 0, unanswered: 0, oldestMs: null };
  metrics.escalations(() => {
    options.escalations.figures().then(
      (figures) => (escalations = figures),
      () => undefined,
    );
    return escalations;
  });

  let parkedCount = 0;
  metrics.parkedMessages(() => {
    options.parked.count({ accounts: "all" }).then(
      (count) => (parkedCount = count),
      () => undefined,
    );
    return parkedCount;
  });
  const backlogs = new Map<number, Backlog>();
  metrics.backlog(() => [...backlogs.values()].reduce((sum, { items }) => sum + items, 0));
  return (claim, mayBegin) => {
    const { stream, events, parked } = options;
    const { keep } = parked;
    const store = options.backlog;
    const backlog = createBacklog({ stream, keep, store, claim, clock, events, mayBegin });
    backlogs.set(claim.partition, backlog);
    return backlog;
  };
}
