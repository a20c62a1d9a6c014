import { randomUUID } from "node:crypto";
import { Kvm } from "@nats-io/kv";
import { describe, expect, it } from "vitest";
import { connectNats } from "../../../src/adapters/nats/connection.ts";
import { createFleetBus } from "../../../src/adapters/nats/fleet-bus.ts";
import { openSharedRegister } from "../../../src/adapters/nats/shared-register.ts";
import { specifyFleetBus } from "../../contracts/fleet-bus.ts";
import { specifySharedRegister } from "../../contracts/shared-register.ts";
import { testNats } from "../../fixtures/nats.ts";

const connectTwice = async () =>
  Promise.all([1, 2].map((view) => connectNats(testNats(), `register test ${view}`)));

specifySharedRegister(async () => {
  const bucket = `REGISTER_${randomUUID().slice(0, 8)}`;
  const [first, second] = await connectTwice();
  return {
    one: await openSharedRegister(first!, bucket, { timeoutMs: 2000 }),
    two: await openSharedRegister(second!, bucket, { timeoutMs: 2000 }),
    async close() {
      await (await new Kvm(first!).open(bucket)).destroy();
      await Promise.all([first!.close(), second!.close()]);
    },
  };
});

specifyFleetBus(async () => {
  const [first, second] = await connectTwice();
  return {
    one: createFleetBus(first!, { fenceTimeoutMs: 500 }),
    two: createFleetBus(second!, { fenceTimeoutMs: 500 }),
    id: randomUUID(),
    listening: async () => void (await Promise.all([first!.flush(), second!.flush()])),
    close: async () => void (await Promise.all([first!.close(), second!.close()])),
  };
});

describe("a register in NATS", () => {
  it("shows a value that is no JSON as null, and goes on to show the others", async () => {
    const nats = await connectNats(testNats(), "register test");
    const bucket = `REGISTER_${randomUUID().slice(0, 8)}`;
    const register = await openSharedRegister<object>(nats, bucket, { timeoutMs: 2000 });
    const kv = await new Kvm(nats).open(bucket);
    try {
      const seen: unknown[] = [];
      let done = () => {};
      const shown = new Promise<void>((resolve) => (done = resolve));
      const stop = await register.watch(({ key, value }) => {
        seen.push([key, value]);
        if (seen.length === 2) done();
      });
      await kv.put("h1", "{ no JSON");
      await register.write("h2", { n: 1 }, 0);
      await shown;
      stop();
      expect(seen).toEqual([
        ["h1", null],
        ["h2", { n: 1 }],
      ]);
      expect(await register.read("h1")).toMatchObject({ value: null });
    } finally {
      await kv.destroy();
      await nats.close();
    }
  });
});
