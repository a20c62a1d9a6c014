import type { GrantRef } from "../../ports/custody/gate.ts";
import type { Kernel } from "./kernel.ts";

/** A rule of docs/simulation.md broken by a run. */
export interface Violation {
  readonly invariant: "I1" | "I6" | "epoch" | "restore" | "serving" | "liveness";
  readonly message: string;
  /** The incarnations that broke it together, of I1 and the order of epochs. */
  readonly by?: readonly string[];
}

/** Telegram's side of one connection. */
export interface SimConnection extends GrantRef {
  readonly id: number;
  readonly incarnation: string;
  firstMs: number | null;
  lastMs: number | null;
  inFlight: number;
  /** Telegram has seen it close. */
  closed: boolean;
  /** The time of the last answer that reached the client. */
  answeredMs: number | null;
}

export interface SimTelegram {
  connect(grant: GrantRef, incarnation: string): SimConnection;
  /** A request arrives; `answer` runs when Telegram has answered it. */
  request(connection: SimConnection, answer: () => void): void;
  readonly connections: readonly SimConnection[];
  /** Requests answered by Telegram. */
  readonly answered: number;
}

/** The longest time to an answer, in milliseconds. */
const quickMs = 120;
const longMs = 1200;

/**
 * The judge of I1. Of two connections with one key, neither may carry a request after the other's
 * first one, nor while the other still waits for an answer. Connecting epochs never repeat and
 * never fall.
 */
export function createSimTelegram(
  kernel: Kernel,
  onViolation: (violation: Violation) => void,
): SimTelegram {
  const all: SimConnection[] = [];
  const latest = new Map<string, SimConnection>();
  let answered = 0;

  function judge(connection: SimConnection): void {
    const key = `${connection.account}/${connection.slot}`;
    const other = latest.get(key);
    latest.set(key, connection);
    if (other === undefined || other === connection) return;
    const by = [connection.incarnation, other.incarnation];
    if (connection.firstMs !== null) {
      onViolation({
        invariant: "I1",
        message: `${key}: ${nameOf(connection)} carried a request after ${nameOf(other)} had`,
        by,
      });
    } else if (other.inFlight > 0 && !other.closed) {
      onViolation({
        invariant: "I1",
        message: `${key}: ${nameOf(connection)} carried a request while ${nameOf(other)} waited for an answer`,
        by,
      });
    } else if (connection.epoch <= other.epoch && connection.incarnation !== other.incarnation) {
      onViolation({
        invariant: "epoch",
        message: `${key}: ${nameOf(connection)} came after ${nameOf(other)}`,
        by,
      });
    }
  }

  return {
    connect(grant, incarnation) {
      const connection: SimConnection = {
        account: grant.account,
        slot: grant.slot,
        epoch: grant.epoch,
        id: all.length,
        incarnation,
        firstMs: null,
        lastMs: null,
        inFlight: 0,
        closed: false,
        answeredMs: null,
      };
      all.push(connection);
      return connection;
    },
    request(connection, answer) {
      judge(connection);
      connection.firstMs ??= kernel.nowMs;
      connection.lastMs = kernel.nowMs;
      connection.inFlight += 1;
      const takesMs = kernel.random.next() * (kernel.random.chance(0.35) ? longMs : quickMs);
      kernel.at(takesMs, () => {
        connection.inFlight -= 1;
        answered += 1;
        answer();
      });
    },
    connections: all,
    get answered() {
      return answered;
    },
  };
}

const nameOf = ({ id, epoch, incarnation }: SimConnection): string =>
  `connection ${id} (epoch ${epoch}, ${incarnation})`;
