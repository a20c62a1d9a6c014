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

/** A message accepted for delivery: the number of these is the number of "sent" messages. */
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
  /** The sender's key, or undefined for the phone of the control API. */
  readonly authKeyId: string | undefined;
}

/** Selects accepted messages; `after` is an originId. */
interface AcceptedFilter {
  readonly from?: bigint | undefined;
  readonly to?: bigint | undefined;
  readonly after?: number | undefined;
}

/** The record of all events, for judges: read-only, and never changed by a fault. */
export interface Ledger {
  /** Number of overlapping pairs of connections, under every policy. */
  overlaps(): Record<OverlapPolicy, number>;
  overlapList(): readonly Overlap[];
  connections(filter?: { open?: boolean }): ConnectionRecord[];
  keyEvents(): readonly KeyEvent[];
  /** The newest calls; `rpcCounts` is exact. */
  rpcs(): readonly RpcRecord[];
  /** Reports every call from now on, with its outcome; the returned function unsubscribes. */
  onAnswered(listener: (rpc: RpcRecord) => void): () => void;
  /** Calls by method and outcome. */
  rpcCounts(): Record<string, Record<string, number>>;
  messages(filter?: AcceptedFilter): AcceptedMessage[];
  /** Called methods that are not simulated. */
  unknownMethods(): Record<string, number>;
  /** Refused repetitions of a `random_id`. */
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
  /** Records dropped at the bounds; the counts above include them. */
  readonly dropped: {
    readonly connections: number;
    readonly rpcs: number;
    readonly messages: number;
  };
}
