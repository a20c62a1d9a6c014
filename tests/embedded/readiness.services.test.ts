import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { untilReady } from "../../src/embedded/readiness.ts";

/** A node that says this of its readiness, by turns; the last answer stays. */
async function nodeSaying(...answers: readonly (readonly [status: number, text: string])[]) {
  const left = [...answers];
  const server = createServer((_request, response) => {
    const [status, text] = (left.length > 1 ? left.shift() : left[0])!;
    response.writeHead(status).end(text);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const starting = [503, "starting: accounts are not taken up yet\n"] as const;
const taken = [
  503,
  "the webhook channel does not listen: Port 80 on 127.0.0.1 is in use by another program.\n",
] as const;
const ready = [200, "ready\n"] as const;

it("waits for the accounts, and for the port of the webhook channel", async () => {
  const said: string[] = [];
  await untilReady(await nodeSaying(starting, taken, ready), (line) => said.push(line));
  expect(said).toEqual([]);
});

it("does not wait for what only a person can mend", async () => {
  await untilReady(await nodeSaying([503, "Postgres is away\n"]), () => {});
  expect(true).toBe(true);
});

it("says once that the port of the webhook channel is taken, and waits until it is stopped", async () => {
  const stopping = new AbortController();
  const said: string[] = [];
  let isOver = false;
  const waiting = untilReady(
    await nodeSaying(taken),
    (line) => said.push(line),
    stopping.signal,
  ).then(() => (isOver = true));
  await expect.poll(() => said).toEqual([`waiting: ${taken[1].trim()}`]);
  expect(isOver).toBe(false);
  stopping.abort();
  await waiting;
  expect(said).toHaveLength(1);
});
