import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** The variable by which a bot learns the server's address. */
export const counterVariable = "CHAOS_COUNTER_URL";

/** Names the process that calls. */
export const pidHeader = "from-pid";

/** One effect, as the server made it. */
export interface CountedCall {
  /** What the bot calls its effect by: the turn's id. */
  readonly key: string;
  /** Whose message it is for: `<session> #<number>`. */
  readonly what: string;
  /** Of the process that made it. */
  readonly pid: number;
  /** By performance.now(). */
  readonly atMs: number;
}

/** A server outside of the fleet, whose every call is an effect that nobody can take back. */
export interface Counter {
  readonly url: string;
  readonly calls: readonly CountedCall[];
  close(): Promise<void>;
}

/** Calls may be this long, in bytes. */
const bodyMax = 4_096;

/**
 * Each POST is an effect: the header `idempotency-key` is its key, `from-pid` the process that makes it, and the body
 * says what it is for.
 */
export async function startCounter(): Promise<Counter> {
  const calls: CountedCall[] = [];
  const server = createServer((request, response) => {
    let what = "";
    request.setEncoding("utf8");
    request.on("data", (text: string) => {
      what += text;
      if (what.length > bodyMax) request.destroy();
    });
    request.on("end", () => {
      const key = String(request.headers["idempotency-key"] ?? "");
      const pid = Number(request.headers[pidHeader]);
      calls.push({ key, what, pid, atMs: performance.now() });
      response.end(String(calls.length));
    });
    request.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    calls,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a judge finds in the calls; all but `calls`, `effects` and `repeated` must be 0. */
export interface CounterVerdict {
  readonly calls: number;
  /** Messages that had an effect. */
  readonly effects: number;
  /** Messages that had none. */
  readonly missing: number;
  /** Calls that were made again under the same key, after the process of the call before was killed. */
  readonly repeated: number;
  /** Calls that were made again although that process lived, or under another key. */
  readonly unexplained: number;
  /** Messages with an effect under two keys: the other side could not tell that they are one. */
  readonly twoKeys: number;
}

/** A process that was killed. */
export interface Kill {
  readonly pid: number;
  /** By performance.now(). */
  readonly atMs: number;
}

/** @param messages how many messages ask for an effect */
export function judgeCalls(
  calls: readonly CountedCall[],
  messages: number,
  kills: readonly Kill[],
): CounterVerdict {
  const byMessage = Map.groupBy(calls, ({ what }) => what);
  let repeated = 0;
  let unexplained = 0;
  let twoKeys = 0;
  for (const made of byMessage.values()) {
    if (new Set(made.map(({ key }) => key)).size > 1) twoKeys += 1;
    for (const [index, { key, atMs }] of made.entries()) {
      const before = made[index - 1];
      if (before === undefined) continue;
      const wasKilled = kills.some(({ pid, atMs: killMs }) => pid === before.pid && killMs <= atMs);
      if (wasKilled && key === before.key) repeated += 1;
      else unexplained += 1;
    }
  }
  const effects = byMessage.size;
  return {
    calls: calls.length,
    effects,
    missing: messages - effects,
    repeated,
    unexplained,
    twoKeys,
  };
}
