import { expect, it } from "vitest";
import { lifecycleEffects } from "../../machines/lifecycle.ts";
import { createAccountRuntime, type LifecycleHandlers } from "../../src/accounts/runtime.ts";
import { deferred } from "../fixtures/deferred.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

const turns = () => new Promise(setImmediate);

/** An account that has asked for its token, and whose transition to `slow` is recorded only when `goOn` says. */
async function open(slow: string) {
  const done: string[] = [];
  const goOn = deferred();
  const note = (name: string) => async () => void done.push(name);
  const names = Object.keys(lifecycleEffects).filter((name) => name !== "startBound");
  const runtime = createAccountRuntime({
    input: { account: "one", kind: "bot", slot: 1, pauseWanted: false },
    handlers: Object.fromEntries(
      names.map((name) => [name, note(name)]),
    ) as unknown as LifecycleHandlers,
    store: {
      async recordTransition({ to }) {
        if (to === slow) await goOn.promise;
        done.push(`recorded ${to}`);
      },
    },
    events: { report: () => undefined },
    clock: createTestClock(),
    boundsMs: new Proxy({} as never, { get: () => 1_000 }),
  });
  await runtime.start();
  done.length = 0;
  return { runtime, done, goOn };
}

it("connects while that is being recorded, as the token's grant is recorded already; serves after it alone", async () => {
  const { runtime, done, goOn } = await open("connecting");
  void runtime.send({ type: "token.granted", epoch: 1 });
  void runtime.send({ type: "client.ready" });
  await turns();
  expect(done).toEqual(["connect"]);
  goOn.resolve();
  await runtime.until((state) => state === "active");
  await turns();
  expect(done.slice(0, 4)).toEqual(["connect", "recorded connecting", "recorded active", "serve"]);
});

it("drains while that is being recorded, and leaves after it alone", async () => {
  const { runtime, done, goOn } = await open("draining");
  void runtime.send({ type: "token.granted", epoch: 1 });
  void runtime.send({ type: "client.ready" });
  await turns();
  done.length = 0;
  void runtime.send({ type: "stop" });
  void runtime.send({ type: "drained" });
  await turns();
  expect(done).toEqual(["drain"]);
  goOn.resolve();
  await turns();
  expect(done.slice(0, 4)).toEqual(["drain", "recorded draining", "recorded releasing", "release"]);
});

it("serves only once it is recorded that it is active", async () => {
  const { runtime, done, goOn } = await open("active");
  void runtime.send({ type: "token.granted", epoch: 1 });
  void runtime.send({ type: "client.ready" });
  await turns();
  expect(done).toEqual(["connect", "recorded connecting"]);
  goOn.resolve();
  await turns();
  expect(done).toContain("serve");
});
