import { HoldfastError } from "../../errors.ts";
import type { Kernel, SimProcess } from "./kernel.ts";

/** The way between a process and a server; each direction can be broken by itself. */
export interface Link {
  requests: "flow" | "lost";
  replies: "flow" | "lost";
  /** Added to what a message takes at most, in milliseconds. */
  slowMs: number;
  /** Share of messages that are delivered twice. */
  doubled: number;
  /** How old what the server shows to readers may be, in milliseconds. */
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

/** What a message takes now. */
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
  /** What the server does when the request arrives; what it throws travels back. */
  execute(): Result;
  /** The outcome is unknown then. */
  onTimeout(): HoldfastError;
}

/** One request and its answer, each of which may be late or lost; a request may arrive long after it was given up. */
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
