import type { Connection } from "../../seam.ts";
import type { OverlapPolicy, WorldConfig } from "../config.ts";
import type { Overlap } from "./overlap.ts";
import type {
  ConnectionRecord,
  KeyEvent,
  RpcRecord,
  AcceptedMessage,
  Ledger,
} from "./ledger-records.ts";
import { createRing } from "../ring.ts";
import { createTopic } from "../topic.ts";

/** The writing side, for the world alone. */
export interface LedgerWriter extends Ledger {
  connectionOpened(connection: Connection, atMs: number): void;
  connectionOf(id: number): ConnectionRecord | undefined;
  connectionClosed(id: number, atMs: number, bytesIn: number, bytesOut: number): void;
  keyEvent(event: KeyEvent): void;
  rpcStarted(record: RpcRecord): void;
  rpcEnded(record: RpcRecord, outcome: string, atMs: number): void;
  messageAccepted(message: AcceptedMessage): void;
  overlapped(overlap: Overlap): void;
  unknownMethod(method: string): void;
  duplicateRefused(): void;
  internalError(error: unknown): void;
}

const internalErrorsMax = 100;
const overlapsMax = 10_000;
const keyEventsMax = 50_000;

export function createLedger(config: WorldConfig): LedgerWriter {
  const open = new Map<number, ConnectionRecord>();
  const closed = createRing<ConnectionRecord>(config.ledgerConnectionsMax);
  const keyEvents = createRing<KeyEvent>(keyEventsMax);
  const rpcs = createRing<RpcRecord>(config.ledgerRpcMax);
  const messages = createRing<AcceptedMessage>(config.ledgerMessagesMax);
  const overlapList = createRing<Overlap>(overlapsMax);
  const internalErrors = createRing<string>(internalErrorsMax);
  const overlapCounts: Record<OverlapPolicy, number> = {
    "parallel-requests": 0,
    "any-two-connections": 0,
    "by-address": 0,
  };
  const rpcCounts = new Map<string, Map<string, number>>();
  const unknown = new Map<string, number>();
  const answered = createTopic<RpcRecord>();
  const totals = { connections: 0, messages: 0, duplicates: 0 };

  const overlaps = (): Record<OverlapPolicy, number> => ({ ...overlapCounts });
  const countsByMethod = (): Record<string, Record<string, number>> =>
    Object.fromEntries(
      [...rpcCounts].map(([method, outcomes]) => [method, Object.fromEntries(outcomes)]),
    );

  return {
    connectionOpened(connection, atMs) {
      totals.connections += 1;
      open.set(connection.id, openRecord(connection, atMs));
    },
    connectionOf: (id) => open.get(id),
    connectionClosed(id, atMs, bytesIn, bytesOut) {
      const record = open.get(id);
      if (record === undefined) return;
      open.delete(id);
      closed.push(Object.assign(record, { closedAtMs: atMs, bytesIn, bytesOut }));
    },
    keyEvent(event) {
      keyEvents.push(event);
    },
    rpcStarted(record) {
      rpcs.push(record);
    },
    rpcEnded(record, outcome, atMs) {
      record.outcome = outcome;
      record.answeredAtMs = atMs;
      const outcomes = rpcCounts.get(record.method) ?? new Map<string, number>();
      rpcCounts.set(record.method, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1));
      answered.publish(record);
    },
    messageAccepted(message) {
      totals.messages += 1;
      messages.push(message);
    },
    overlapped(overlap) {
      overlapCounts[overlap.policy] += 1;
      overlapList.push(overlap);
    },
    unknownMethod(method) {
      unknown.set(method, (unknown.get(method) ?? 0) + 1);
    },
    duplicateRefused() {
      totals.duplicates += 1;
    },
    internalError(error) {
      internalErrors.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    },
    overlaps,
    overlapList: () => overlapList.items(),
    connections: (filter) =>
      filter?.open === true ? [...open.values()] : [...closed.items(), ...open.values()],
    keyEvents: () => keyEvents.items(),
    rpcs: () => rpcs.items(),
    onAnswered: (listener) => answered.subscribe(listener),
    rpcCounts: countsByMethod,
    messages: (filter = {}) =>
      messages
        .items()
        .filter(
          (message) =>
            (filter.from === undefined || message.fromId === filter.from) &&
            (filter.to === undefined || message.toId === filter.to) &&
            message.originId > (filter.after ?? 0),
        ),
    unknownMethods: () => Object.fromEntries(unknown),
    duplicatesRefused: () => totals.duplicates,
    internalErrors: () => internalErrors.items(),
    summary: () => ({
      overlaps: overlaps(),
      connectionsOpen: open.size,
      connectionsTotal: totals.connections,
      messagesAccepted: totals.messages,
      duplicatesRefused: totals.duplicates,
      rpcCounts: countsByMethod(),
      unknownMethods: Object.fromEntries(unknown),
      internalErrors: internalErrors.items(),
      dropped: {
        connections: closed.dropped(),
        rpcs: rpcs.dropped(),
        messages: messages.dropped(),
      },
    }),
  };
}

function openRecord(connection: Connection, atMs: number): ConnectionRecord {
  return {
    id: connection.id,
    address: connection.address,
    port: connection.port,
    isMedia: connection.isMedia,
    openedAtMs: atMs,
    authKeyId: undefined,
    userId: undefined,
    firstFrameAtMs: undefined,
    lastFrameAtMs: undefined,
    frames: 0,
    requests: 0,
    closedAtMs: undefined,
    bytesIn: 0,
    bytesOut: 0,
  };
}
