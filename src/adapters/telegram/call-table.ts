import { untilAborted } from "../../concurrency/wait.ts";
import { TelegramError } from "../../ports/telegram/telegram-error.ts";
import { parseFault } from "./faults.ts";

/** The calls of one client that wait for an answer. */
export interface CallTable {
  readonly size: number;
  /**
   * Runs a call until its answer, the break of its wire, the end of the client or `callMsMax`, whichever is first.
   * The call's own signal aborts with it, so that the library does not send it later. Rejects with TelegramError.
   */
  run<T>(
    scope: {
      /** A call that may be sent again on the next wire, after any time. */
      readonly outlivesWire: boolean;
      readonly ended: AbortSignal;
    },
    begin: (signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
  /** The wire broke. */
  breakAll(reason: TelegramError): void;
  /** The client ended. */
  endAll(reason: TelegramError): void;
}

export function createCallTable(callMsMax: number): CallTable {
  const waiting = new Map<AbortController, { readonly outlivesWire: boolean }>();

  function timedOut(): TelegramError {
    return new TelegramError({
      code: "CALL_TIMEOUT",
      kind: "unknown",
      message: `Telegram did not answer within ${callMsMax} ms`,
    });
  }

  return {
    get size() {
      return waiting.size;
    },
    async run({ outlivesWire, ended }, begin) {
      ended.throwIfAborted();
      const controller = new AbortController();
      const timer = outlivesWire
        ? undefined
        : setTimeout(() => controller.abort(timedOut()), callMsMax);
      waiting.set(controller, { outlivesWire });
      try {
        return await untilAborted(controller.signal, begin(controller.signal));
      } catch (error) {
        throw error instanceof TelegramError ? error : new TelegramError(parseFault(error), error);
      } finally {
        clearTimeout(timer);
        waiting.delete(controller);
      }
    },
    breakAll(reason) {
      for (const [controller, { outlivesWire }] of waiting) {
        if (!outlivesWire) controller.abort(reason);
      }
    },
    endAll(reason) {
      for (const controller of waiting.keys()) controller.abort(reason);
    },
  };
}
