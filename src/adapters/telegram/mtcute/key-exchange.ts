import { Worker } from "node:worker_threads";
import { Long, type MtClient } from "@mtcute/core";
import type { Clock } from "../../../concurrency/clock.ts";
import { programFile } from "../../../files.ts";
import { WireBoundError } from "../wire-bounds.ts";

type Connection = NonNullable<MtClient["network"]["_primaryDc"]>["main"]["_connections"][number];

/** To the worker. */
export type ToExchange =
  | {
      readonly type: "begin";
      readonly dc: { readonly id: number; readonly mediaOnly: boolean };
      readonly testMode: boolean;
      /** PKCS#1 PEM, beside Telegram's own. */
      readonly trustedKeys: readonly string[];
    }
  | { readonly type: "frame"; readonly bytes: Uint8Array }
  | { readonly type: "broken"; readonly message: string };

/** From the worker. */
export type FromExchange =
  /** Sends a plain message, and wants its answer. */
  | { readonly type: "send"; readonly bytes: Uint8Array }
  | {
      readonly type: "done";
      readonly key: Uint8Array;
      /** Low and high half. */
      readonly salt: readonly [number, number];
      /** The data centre's time at this moment, in seconds. */
      readonly serverSeconds: number;
    }
  | { readonly type: "failed"; readonly message: string };

/** What a key exchange agreed on: the key, the first salt, and the data centre's time as mtcute counts it. */
type Agreed = readonly [key: Uint8Array, salt: Long, timeOffset: number];

/** Makes keys on other threads: a proxy that lies keeps one of them busy, and no account but its own waits. */
export interface KeyExchange {
  /**
   * The exchange over an open connection of mtcute. Rejects when it fails, or a step of it takes too long.
   * @param trustedKeys PKCS#1 PEM, beside Telegram's own.
   */
  over(connection: Connection, trustedKeys: readonly string[]): Promise<Agreed>;
}

export interface KeyExchangeOptions {
  readonly clock: Pick<Clock, "schedule">;
  /** A thread that has computed for this long is ended. Default 10,000 ms. */
  readonly stepMsMax?: number;
}

const stepMsDefault = 10_000;
/** An idle thread ends after this. */
const idleMsMax = 10_000;
/** Further exchanges wait for one that ends. */
const threadsMax = 8;

interface Thread {
  readonly worker: Worker;
  endIdle(): void;
}

/** Threads that each carry one exchange at a time; they are kept for a moment, since starting one takes long. */
function createThreads(clock: Pick<Clock, "schedule">) {
  const idle: Thread[] = [];
  const waiting: ((thread: Worker) => void)[] = [];
  let running = 0;

  function start(): Worker {
    running += 1;
    const worker = new Worker(programFile("src/adapters/telegram/mtcute/key-exchange-worker"));
    // A fault of the thread is told to its exchange by its end.
    worker.on("error", () => undefined);
    worker.once("exit", () => {
      running -= 1;
      const at = idle.findIndex((one) => one.worker === worker);
      if (at >= 0) idle.splice(at, 1)[0]?.endIdle();
      const next = waiting.shift();
      if (next !== undefined) next(start());
    });
    return worker;
  }

  return {
    async take(): Promise<Worker> {
      const kept = idle.pop();
      kept?.endIdle();
      const worker =
        kept?.worker ??
        (running < threadsMax
          ? start()
          : await new Promise<Worker>((resolve) => waiting.push(resolve)));
      worker.ref();
      return worker;
    },
    giveBack(worker: Worker): void {
      const next = waiting.shift();
      if (next !== undefined) return next(worker);
      worker.unref();
      idle.push({ worker, endIdle: clock.schedule(idleMsMax, () => void worker.terminate()) });
    },
  };
}

export function createKeyExchange(options: KeyExchangeOptions): KeyExchange {
  const { clock, stepMsMax = stepMsDefault } = options;
  const threads = createThreads(clock);
  return {
    async over(connection, trustedKeys) {
      const worker = await threads.take();
      try {
        const agreed = await exchange(worker, connection, { clock, trustedKeys, stepMsMax });
        threads.giveBack(worker);
        return agreed;
      } catch (error) {
        if (error instanceof ExchangeFailed) threads.giveBack(worker);
        else await worker.terminate();
        throw error;
      }
    },
  };
}

/** The exchange failed, and its thread is ready for another. */
class ExchangeFailed extends Error {}

function exchange(
  worker: Worker,
  connection: Connection,
  {
    clock,
    trustedKeys,
    stepMsMax,
  }: Required<KeyExchangeOptions> & { readonly trustedKeys: readonly string[] },
): Promise<Agreed> {
  return new Promise((resolve, reject) => {
    let cancel = (): void => undefined;
    const finish = () => {
      cancel();
      worker.off("message", hear);
      worker.off("exit", gone);
    };
    const fail = (error: Error) => {
      finish();
      reject(error);
    };
    const gone = () => fail(new Error("the thread of a key exchange ended"));
    const say = (message: ToExchange) => {
      cancel();
      cancel = clock.schedule(stepMsMax, () =>
        fail(new WireBoundError(`a step of a key exchange took more than ${stepMsMax} ms`)),
      );
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      worker.postMessage(message);
    };
    const hear = (message: FromExchange) => {
      switch (message.type) {
        case "send":
          cancel();
          // The answer may be there before the thread has come to wait for it.
          connection.waitForUnencryptedMessage().then(
            (bytes) => say({ type: "frame", bytes }),
            (error: unknown) => say({ type: "broken", message: String(error) }),
          );
          connection.send(withMessageId(message.bytes, connection)).catch(fail);
          return;
        case "done":
          finish();
          resolve([
            message.key,
            new Long(...message.salt),
            Math.round(message.serverSeconds - performance.now() / 1000),
          ]);
          return;
        case "failed":
          fail(new ExchangeFailed(message.message));
      }
    };
    worker.on("message", hear);
    worker.once("exit", gone);
    const { dc, testMode } = connection.params;
    say({
      type: "begin",
      dc: { id: dc.id, mediaOnly: dc.mediaOnly === true },
      testMode,
      trustedKeys,
    });
  });
}

/** Writes an id of the connection's own into a plain message, whose id stands behind the zero key id. */
function withMessageId(bytes: Uint8Array, connection: Connection): Uint8Array {
  const id = connection["_session"].getMessageId();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setInt32(8, id.low, true);
  view.setInt32(12, id.high, true);
  return bytes;
}

/**
 * Lets a connection of mtcute make its key by `keys`. The library has no option for that; this is its own
 * `_authorize` of 0.31.0 with another exchange, without temporary keys.
 */
export function authoriseBy(
  keys: KeyExchange,
  trustedKeys: readonly string[],
  connection: Connection,
): void {
  const session = connection["_session"];
  connection["_authorize"] = () => {
    if (session.authorizationPending) return;
    session.authorizationPending = true;
    connection.onAuthBegin.emit();
    keys
      .over(connection, trustedKeys)
      .then(([key, salt, timeOffset]) => {
        session["_authKey"].setup(key);
        connection["_salts"].currentSalt = salt;
        session.updateTimeOffset(timeOffset, true);
        session.authorizationPending = false;
        connection.onKeyChange.emit(key);
        connection["onConnectionUsable"]();
      })
      .catch((error: unknown) => {
        session.authorizationPending = false;
        if (connection["_destroyed"]) return;
        connection["handleError"](error instanceof Error ? error : new Error(String(error)));
        connection.reconnect();
      });
  };
}
