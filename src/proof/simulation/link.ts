import { HoldfastError } from "../../errors.ts";
import type { Kernel, SimProcess } from "./kernel.ts";

/** The link between a process and a server; each direction can be broken by itself. */
export interface Link {
  requests: "flow" | "lost";
  replies: "flow" | "lost";
  /** The largest extra delay of a message, in milliseconds. */
  slowMs: number;
  /** Share of messages that are delivered twice. */
  doubled: number;
  /** The largest age of the server's answers to readers, in milliseconds. */
  staleMs: number;
}

export const createLink = (): Link => ({
  requests: "flow",
  replies: "flow",
  slowMs: 0,
  doubled: 0,
  staleMs: 0,
});

const latencyMsMax = 4;

/** The delay of a message now. */
export function delayOn(kernel: Kernel, link: Link): number {
  const usual = 0.2 + kernel.random.next() * latencyMsMax;
  return link.slowMs > 0 && kernel.random.chance(0.4)
    ? usual + kernel.random.next() * link.slowMs
    : usual;
}

export interface CallOptions<Result> {
  readonly kernel: Kernel;
  readonly from: SimProcess;
  readonly link: Link;
  readonly timeoutMs: number;
  /** The server's work when the request arrives; its errors travel back. */
  execute(): Result;
  /** Makes the error of a timeout; the outcome is unknown then. */
  onTimeout(): HoldfastError;
}

/**
 * One request and its answer. Each may be late or lost; a request may arrive long after the caller
 * gave up.
 */
export function call<Result>(options: CallOptions<Result>): Promise<Result> {
  const { kernel, from, link, timeoutMs, execute, onTimeout } = options;
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (outcome: () => void) => {
      if (settled) return;
      settled = true;
      cancel();
      outcome();
    };
    const cancel = from.clock.schedule(timeoutMs, () => settle(() => reject(onTimeout())));
    if (link.requests === "lost") return;
    kernel.at(delayOn(kernel, link), () => {
      let outcome: () => void;
      try {
        const result = execute();
        outcome = () => resolve(result);
      } catch (error) {
        outcome = () => reject(error);
      }
      if (link.replies === "lost") return;
      from.deliver(delayOn(kernel, link), () => settle(outcome));
    });
  });
}
