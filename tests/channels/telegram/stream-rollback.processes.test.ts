import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { connectNats } from "../../../src/adapters/nats/connection.ts";
import { openInboundStream } from "../../../src/adapters/nats/inbound-stream.ts";
import { type EmbeddedNats, startNats } from "../../../src/embedded/nats.ts";
import { temporaryHome } from "../../fixtures/embedded/temporary-home.ts";
import { createInbox, textsOf } from "../../fixtures/inbound-bench.ts";
import { openTrail } from "../../fixtures/stream-trail.ts";

it("a NATS that runs from an older copy of its store costs a rewind, and loses no message (I5)", async () => {
  const home = temporaryHome();
  const store = join(home, "nats", "jetstream");
  const start = () => startNats({ home, log: () => {}, endsWithParent: true });
  let server: EmbeddedNats = await start();
  onTestFinished(() => server.stop());
  const trail = await openTrail();
  onTestFinished(() => trail.close());

  /** A node that takes the turns of what is in its streams. */
  async function openNode() {
    const nats = await connectNats(server.access("node"), "test");
    onTestFinished(() => nats.close());
    const stream = await openInboundStream(nats, { host: "test host", keepParked: async () => {} });
    return trail.startNode({ nats, stream });
  }

  const first = await openNode();
  const inbox = createInbox();
  const stopTurns = await first.stream.consume({ inFlightMax: 9, onDelivery: inbox.onDelivery });
  first.push("had its turn");
  (await inbox.atLeast(1))[0]!.done();
  await stopTurns();
  await first.look();
  await first.look();
  await first.stop();
  await first.nats.close();
  await server.stop();
  await cp(store, join(home, "copy"), { recursive: true });

  server = await start();
  const second = await openNode();
  expect(second.notes).toEqual([]);
  for (const text of ["one", "two"]) second.push(text);
  const held = async () =>
    (await second.stream.states()).reduce((sum, { lastSeq }) => sum + lastSeq, 0);
  await expect.poll(held, { timeout: 10_000 }).toBeGreaterThan(1);
  await second.stop();
  await second.nats.close();
  await server.stop();
  await rm(store, { recursive: true });
  await cp(join(home, "copy"), store, { recursive: true });

  server = await start();
  const third = await openNode();
  expect(third.notes).toEqual(["INBOUND_LOST"]);
  expect(await trail.gaps()).toEqual([{ from: 1, to: 3, recovered: 2 }]);
  const again = createInbox();
  const stopAgain = await third.stream.consume({ inFlightMax: 9, onDelivery: again.onDelivery });
  expect(textsOf(await again.atLeast(2))).toEqual(["one", "two"]);
  for (const delivery of again.got) delivery.done();
  await stopAgain();
  await third.stop();
});
