import { HoldfastError } from "../../errors.ts";
import { type HandlerLimits, timedOutCode } from "./handler-run.ts";

export interface RestLimits {
  /** Before a handler runs again after a retryable error; doubles up to the largest. */
  readonly handlerRestMs: number;
  readonly handlerRestMsMax: number;
  /** Rests together, and the time of handlers that ran out of theirs; beyond that the message is set aside. */
  readonly handlerRetryMsMax: number;
}

/** The rests between the runs of one turn's handler. */
export interface HandlerRests {
  /** @returns how long to rest before the next run, in milliseconds; null: there is no next one */
  next(error: unknown): number | null;
}

/** A refusal that names its own wait is not asked again before. */
export function createHandlerRests(
  limits: RestLimits & Pick<HandlerLimits, "handlerMsMax">,
): HandlerRests {
  let spentMs = 0;
  let runs = 0;
  return {
    next(error) {
      if (!(error instanceof HoldfastError) || error.policy !== "retryable") return null;
      const ownMs = Math.min(limits.handlerRestMs * 2 ** runs, limits.handlerRestMsMax);
      const restMs = Math.max(ownMs, (error.waitSeconds ?? 0) * 1000);
      runs += 1;
      spentMs += restMs + (error.code === timedOutCode ? limits.handlerMsMax : 0);
      return spentMs > limits.handlerRetryMsMax ? null : restMs;
    },
  };
}
