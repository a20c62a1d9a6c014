import type { Connection } from "../seam.ts";
import type { OverlapPolicy, WorldConfig } from "./config.ts";
import type { Overlap } from "./overlap.ts";
import { createRing } from "./ring.ts";

/** One TCP connection from beginning to end. Times are ms since the epoch. */
export interface ConnectionRecord {
  readonly id: number;
  readonly address: string;
  readonly port: number;
  readonly isMedia: boolean;
  readonly openedAtMs: number;
  authKeyId: string | undefined;
  userId: bigint | undefined;
  firstFrameAtMs: number | undefined;
  lastFrameAtMs: number | undefined;
  frames: number;
  requests: number;
  closedAtMs: number | undefined;
  bytesIn: number;
  bytesOut: number;
}

/** A step in an auth key's life. */
export interface KeyEvent {
  readonly authKeyId: string;
  readonly atMs: number;
  readonly event:
    | "created"
    | "authorised"
    | "logged-out"
    | "duplicated"
    | "revoked"
    | "deactivated"
    | "destroyed";
  readonly userId: bigint | undefined;
}

/** One remote call. `outcome` is "ok", an error's text, "dropped", "cut" or "pending". */
export interface RpcRecord {
  readonly method: string;
  readonly authKeyId: string;
  readonly userId: bigint | undefined;
  readonly connectionId: number;
  readonly atMs: number;
  answeredAtMs: number | undefined;
  outcome: string;
}

/** A message that was accepted for delivery: the count of these is what "sent" means. */
export interface AcceptedMessage {
  /** Counts up over the whole data centre. */
  readonly originId: number;
  readonly atMs: number;
  readonly fromId: bigint;
  readonly toId: bigint;
  /** Its number in the sender's and in the receiver's message box. */
  readonly fromMessageId: number;
  readonly toMessageId: number;
  readonly text: string;
  readonly randomId: bigint | undefined;
  /** The key that sent it, or undefined when the phone of the control API did. */
  readonly authKeyId: string | undefined;
}

/** Which accepted messages are wanted; `after` is an originId. */
export interface AcceptedFilter {
  readonly from?: bigint | undefined;
  readonly to?: bigint | undefined;
  readonly after?: number | undefined;
}

/** What happened, for those who judge: read-only, and never changed by a fault. */
export interface Ledger {
  /** Number of overlapping pairs of connections, under every policy. */
  overlaps(): Record<OverlapPolicy, number>;
  overlapList(): readonly Overlap[];
  connections(filter?: { open?: boolean }): ConnectionRecord[];
  keyEvents(): readonly KeyEvent[];
  /** The newest calls; `rpcCounts` is exact. */
  rpcs(): readonly RpcRecord[];
  /** Calls by method and outcome. */
  rpcCounts(): Record<string, Record<string, number>>;
  messages(filter?: AcceptedFilter): AcceptedMessage[];
  /** Methods that were called and are not simulated. */
  unknownMethods(): Record<string, number>;
  /** Repeated `random_id`s that were refused. */
  duplicatesRefused(): number;
  /** Faults of the simulation itself, as text; a test expects none. */
  internalErrors(): readonly string[];
  summary(): LedgerSummary;
}

export interface LedgerSummary {
  readonly overlaps: Record<OverlapPolicy, number>;
  readonly connectionsOpen: number;
  readonly connectionsTotal: number;
  readonly messagesAccepted: number;
  readonly duplicatesRefused: number;
  readonly rpcCounts: Record<string, Record<string, number>>;
  readonly unknownMethods: Record<string, number>;
  readonly internalErrors: readonly string[];
  /** Records that the bounds let go; the counts above include them. */
  readonly dropped: {
    readonly connections: number;
    readonly rpcs: number;
    readonly messages: number;
  };
}

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

const INTERNAL_ERRORS_MAX = 100;
const OVERLAPS_MAX = 10_000;
const KEY_EVENTS_MAX = 50_000;

export function createLedger(config: WorldConfig): LedgerWriter {
  const open = new Map<number, ConnectionRecord>();
  const closed = createRing<ConnectionRecord>(config.ledgerConnectionsMax);
  const keyEvents = createRing<KeyEvent>(KEY_EVENTS_MAX);
  const rpcs = createRing<RpcRecord>(config.ledgerRpcMax);
  const messages = createRing<AcceptedMessage>(config.ledgerMessagesMax);
  const overlapList = createRing<Overlap>(OVERLAPS_MAX);
  const internalErrors = createRing<string>(INTERNAL_ERRORS_MAX);
  const overlapCounts: Record<OverlapPolicy, number> = {
    "parallel-requests": 0,
    "any-two-connections": 0,
    "by-address": 0,
  };
  const rpcCounts = new Map<string, Map<string, number>>();
  const unknown = new Map<string, number>();
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
