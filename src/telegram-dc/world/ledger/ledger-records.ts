import type { OverlapPolicy } from "../config.ts";
import type { Overlap } from "./overlap.ts";

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
interface AcceptedFilter {
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
  /** Every call from now on, once its outcome is known; the returned function ends the subscription. */
  onAnswered(listener: (rpc: RpcRecord) => void): () => void;
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

interface LedgerSummary {
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
