import { type Admission, createAdmission } from "../../custody/admission.ts";
import { HoldfastError } from "../../errors.ts";
import type { Gate, GrantRef, Permit } from "../../ports/custody/gate.ts";
import type { SlotRef } from "../../ports/custody/token-store.ts";
import type { Kernel, SimProcess } from "./kernel.ts";
import type { Link } from "./link.ts";
import type { SimConnection, SimTelegram } from "./sim-telegram.ts";

/** A client's end of a connection through the gate. */
export interface SimSocket {
  /** Sends one request; `answered` runs when its answer has come back. */
  send(answered: () => void): void;
  onClosed(listener: () => void): void;
}

/** The node's view of its gate. */
export interface SimGateView extends Omit<Gate, "dial"> {
  dial(permit: Permit): Promise<SimSocket>;
}

export interface SimGate {
  readonly admission: Admission;
  view(node: SimProcess): SimGateView;
  cut(grant: GrantRef): Promise<void>;
  cutAll(): Promise<readonly GrantRef[]>;
  /** The process was killed: its kernel still delivers the queued bytes, then everything closes. */
  died(): void;
  /** The machine lost its power: no queued byte leaves any more. */
  powerLost(): void;
}

export interface SimGateOptions {
  readonly kernel: Kernel;
  readonly process: SimProcess;
  readonly telegram: SimTelegram;
  /** The link to Telegram. */
  readonly link: Link;
  readonly incarnation: string;
  readonly host: string;
  mayAct(): boolean;
  /** How long a connection cut with requests under way counts as speaking, in milliseconds. */
  readonly restMs: number;
  /**
   * How long Telegram may work on a request while it has not seen the connection close, in
   * milliseconds.
   */
  readonly answerMs: number;
}

interface Pipe {
  readonly grant: GrantRef;
  readonly connection: SimConnection;
  readonly node: SimProcess;
  readonly closedListeners: (() => void)[];
  open: boolean;
  reset: boolean;
  closedMs: number;
  /** The gate knows that Telegram has seen the close. */
  known: boolean;
  lastArrivalMs: number;
}

const localMs = 0.1;
const networkMsMax = 60;
const retransmitMs = 200;
/**
 * Bytes in the kernel's queues of a dead or sleeping process arrive within this, or never: the
 * limit of the guarantee (docs/architecture/custody.md).
 */
const lingerMsMax = 1500;

/**
 * The gate's sockets to the simulated Telegram; the gate's own rule book decides who may connect.
 */
export function createSimGate(options: SimGateOptions): SimGate {
  const { kernel, process, telegram, link, incarnation, host } = options;
  const pipes = new Map<string, Pipe>();
  /** The newest pipe of each slot, open or not. */
  const latest = new Map<string, Pipe>();
  const keyOf = ({ account, slot }: SlotRef) => `${account}/${slot}`;
  let deadAtMs: number | null = null;
  const admission = createAdmission({
    mayAct: options.mayAct,
    isOpen: (slot) => pipes.has(keyOf(slot)),
  });

  /** One frame on the wire: in order behind earlier ones, sent again while the link is broken. */
  function transmit(pipe: Pipe, arrive: () => void): void {
    let stillSinceMs: number | null = null;
    const attempt = () => {
      if (pipe.reset) return;
      stillSinceMs =
        process.state === "running" ? null : (deadAtMs ?? stillSinceMs ?? kernel.nowMs);
      if (stillSinceMs !== null && kernel.nowMs - stillSinceMs > lingerMsMax) return;
      if (link.requests === "lost") return kernel.at(retransmitMs, attempt);
      const atMs = Math.max(
        pipe.lastArrivalMs,
        kernel.nowMs + kernel.random.next() * (networkMsMax + link.slowMs / 4),
      );
      pipe.lastArrivalMs = atMs;
      kernel.at(atMs - kernel.nowMs, () => {
        // Bytes sent before the reset arrive before it.
        arrive();
      });
    };
    attempt();
  }

  function close(pipe: Pipe, withReset: boolean): void {
    if (!pipe.open) return;
    pipe.open = false;
    pipe.closedMs = kernel.nowMs;
    if (withReset) pipe.reset = true;
    const key = keyOf(pipe.grant);
    if (pipes.get(key) === pipe) pipes.delete(key);
    for (const listener of pipe.closedListeners) pipe.node.deliver(localMs, listener);
    const seenAtMs = Math.max(
      pipe.lastArrivalMs,
      kernel.nowMs + kernel.random.next() * networkMsMax,
    );
    kernel.at(seenAtMs - kernel.nowMs, () => {
      if (link.requests !== "flow") return;
      pipe.connection.closed = true;
      // The probe that follows the reset arrives behind it; its answer comes back.
      pipe.known = link.replies === "flow";
    });
  }

  /** The last frames and the reset may still be on their way, unless every request was answered. */
  async function rested(pipe: Pipe, idle: boolean): Promise<void> {
    if (idle) return;
    await until(pipe.closedMs + options.restMs);
    if (!pipe.known) await until(pipe.closedMs + options.answerMs);
  }

  function until(atMs: number): Promise<void> {
    const leftMs = atMs - kernel.nowMs;
    return leftMs <= 0
      ? Promise.resolve()
      : new Promise((resolve) => void process.clock.schedule(leftMs, resolve));
  }

  function forward(pipe: Pipe, answered: () => void): void {
    if (!pipe.open) return;
    if (!options.mayAct()) return close(pipe, true);
    transmit(pipe, () =>
      telegram.request(pipe.connection, () => {
        if (link.replies === "lost") return;
        // Through the gate's process back to the node.
        process.deliver(kernel.random.next() * networkMsMax, () => {
          if (!pipe.open) return;
          pipe.connection.answeredMs = kernel.nowMs;
          pipe.node.deliver(localMs, answered);
        });
      }),
    );
  }

  async function cut(grant: GrantRef, idle = false): Promise<void> {
    admission.cut(grant);
    const pipe = latest.get(keyOf(grant));
    if (pipe === undefined || pipe.grant.epoch > grant.epoch) return;
    close(pipe, true);
    await rested(pipe, idle);
  }

  function open(permit: Permit, node: SimProcess): SimSocket {
    const { account, slot, epoch } = permit;
    const grant = { account, slot, epoch };
    admission.checkDial(permit);
    if (link.requests === "lost") throw unreachable();
    const connection = telegram.connect(grant, incarnation);
    const pipe: Pipe = {
      grant,
      connection,
      node,
      closedListeners: [],
      open: true,
      reset: false,
      closedMs: -Infinity,
      known: false,
      lastArrivalMs: kernel.nowMs,
    };
    pipes.set(keyOf(grant), pipe);
    latest.set(keyOf(grant), pipe);
    return {
      send: (answered) => process.deliver(localMs, () => forward(pipe, answered)),
      onClosed: (listener) => void pipe.closedListeners.push(listener),
    };
  }

  const view: SimGate["view"] = (node) => {
    const ask = <Result>(work: () => Promise<Result> | Result): Promise<Result> =>
      new Promise((resolve, reject) => {
        process.onKilled(() => node.deliver(localMs, () => reject(gateLost())));
        process.deliver(localMs, () => {
          void (async () => work())().then(
            (result) => node.deliver(localMs, () => resolve(result)),
            (error: unknown) => node.deliver(localMs, () => reject(error)),
          );
        });
      });
    return {
      incarnation,
      host,
      dial: (permit) => ask(() => open(permit, node)),
      cut: (grant, how) =>
        ask(() => cut(grant, how?.idle)).then(() => ({ sockets: 0, tookMs: 0 }) as const),
      sockets: (slot) => ask(() => (pipes.has(keyOf(slot)) ? 1 : 0)),
    };
  };

  return {
    admission,
    view,
    cut: (grant) => cut(grant),
    async cutAll() {
      const grants = admission.cutAll();
      for (const pipe of pipes.values()) close(pipe, true);
      await Promise.all([...latest.values()].map((pipe) => rested(pipe, false)));
      return grants;
    },
    died() {
      deadAtMs = kernel.nowMs;
      for (const pipe of pipes.values()) close(pipe, false);
    },
    powerLost() {
      for (const pipe of pipes.values()) close(pipe, true);
    },
  };
}

const unreachable = () =>
  new HoldfastError({
    code: "TELEGRAM_UNREACHABLE",
    message: "Telegram does not answer.",
    policy: "retryable",
  });

const gateLost = () =>
  new HoldfastError({ code: "GATE_LOST", message: "The gate of this node is gone." });
