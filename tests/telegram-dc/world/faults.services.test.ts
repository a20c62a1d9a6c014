import { describe, expect, it } from "vitest";
import type { FaultSpec } from "../../../src/telegram-dc/world/faults.ts";
import { createBench } from "../../fixtures/telegram-dc/world-bench.ts";

const ADA = "99966100001";
const NOTE = { peer: { _: "inputPeerSelf" }, message: "note", random_id: 1n };

async function loggedIn() {
  const bench = createBench();
  const ada = bench.phone.createUser({ phone: ADA, firstName: "Ada", username: "ada" });
  return { bench, ada, client: await bench.logIn(ADA, "ada") };
}

describe("a fault", () => {
  it.each<[string, FaultSpec, unknown, number]>([
    [
      "floods",
      { kind: "flood", seconds: 9 },
      { kind: "error", code: 420, message: "FLOOD_WAIT_9" },
      0,
    ],
    [
      "answers an error",
      { kind: "error", code: 500, message: "X" },
      { kind: "error", code: 500, message: "X" },
      0,
    ],
    ["drops the answer after the effect", { kind: "drop-answer" }, { kind: "drop" }, 1],
    [
      "drops the call before the effect",
      { kind: "drop-answer", when: "before" },
      { kind: "drop" },
      0,
    ],
    ["resets after the effect", { kind: "reset" }, { kind: "cut" }, 1],
    ["resets before the effect", { kind: "reset", when: "before" }, { kind: "cut" }, 0],
  ])("%s, once, and counts itself", async (_name, spec, expected, messages) => {
    const { bench, ada, client } = await loggedIn();
    const fault = bench.phone.addFault({ ...spec, method: "messages.sendMessage", userId: ada.id });
    expect(await client.call("updates.getState")).toMatchObject({ kind: "result" });
    expect(await client.call("messages.sendMessage", NOTE)).toEqual(expected);
    expect(bench.phone.messages(ada.id)).toHaveLength(messages);
    expect(fault).toMatchObject({ delivered: 1, left: 0 });
    expect(await client.call("messages.sendMessage", { ...NOTE, random_id: 2n })).toMatchObject({
      kind: "result",
    });
  });

  it("holds an answer back for as long as it was told", async () => {
    const { bench, ada, client } = await loggedIn();
    bench.phone.addFault({ kind: "delay", delayMs: 500 });
    let isAnswered = false;
    const call = client.call("messages.sendMessage", NOTE).then((outcome) => {
      isAnswered = true;
      return outcome;
    });
    await Promise.resolve();
    bench.clock.advance(499);
    await Promise.resolve();
    expect([isAnswered, bench.phone.messages(ada.id).length]).toEqual([false, 1]);
    bench.clock.advance(1);
    expect(await call).toMatchObject({ kind: "result" });
  });

  it("blackholes frames and pushes until it is removed", async () => {
    const { bench, ada, client } = await loggedIn();
    const fault = bench.phone.addFault({ kind: "blackhole", userId: ada.id });
    const bob = bench.phone.createUser({ firstName: "Bob" });
    bench.phone.send(bob.id, { peer: ada.id, text: "hi" });
    expect([client.frame(), client.pushes.length, fault.delivered]).toEqual(["ignore", 0, 2]);
    expect(bench.phone.removeFault(fault.id)).toBe(true);
    expect(client.frame()).toBe("accept");
  });

  it("refuses connections", async () => {
    const { bench } = await loggedIn();
    bench.phone.addFault({ kind: "refuse-connections" });
    expect(bench.connect("x").closes).toEqual(["reset"]);
    bench.phone.clearFaults();
    expect(bench.connect("x").closes).toEqual([]);
  });

  it.each([
    ["duplicated", "406 AUTH_KEY_DUPLICATED"],
    ["revoked", "401 SESSION_REVOKED"],
  ] as const)("kills a key as %s", async (reason, error) => {
    const { bench, client } = await loggedIn();
    const fault = bench.phone.addFault({ kind: "kill-key", authKeyId: "ada", reason });
    expect(fault.delivered).toBe(1);
    await expect(client.get("updates.getState")).rejects.toThrow(error);
  });

  it.each<[FaultSpec, string]>([
    [{ kind: "flood" }, "BAD_FAULT"],
    [{ kind: "delay" }, "BAD_FAULT"],
    [{ kind: "error", code: 500 }, "BAD_FAULT"],
    [{ kind: "lose-update" }, "BAD_FAULT"],
    [{ kind: "drop-answer", count: 0 }, "BAD_FAULT"],
    [{ kind: "kill-key" }, "UNKNOWN_KEY"],
    [{ kind: "kill-key", authKeyId: "none" }, "UNKNOWN_KEY"],
  ])("is refused when it says too little: %o", async (spec, code) => {
    const { bench } = await loggedIn();
    expect(() => bench.phone.addFault(spec)).toThrow(expect.objectContaining({ code }));
    expect(bench.phone.faults()).toEqual([]);
  });
});

describe("the ledger", () => {
  it("counts every call by method and outcome, and unknown methods by name", async () => {
    const { bench, client } = await loggedIn();
    await client.call("updates.getState");
    await client.call("stories.getAllStories");
    expect(await client.call("stories.getAllStories")).toEqual({
      kind: "error",
      code: 400,
      message: "INPUT_METHOD_INVALID",
    });
    const summary = bench.world.parts.ledger.summary();
    expect(summary.rpcCounts).toMatchObject({
      "updates.getState": { ok: 1 },
      "stories.getAllStories": { INPUT_METHOD_INVALID: 2 },
    });
    expect(summary.unknownMethods).toEqual({ "stories.getAllStories": 2 });
    expect(summary.internalErrors).toEqual([]);
  });

  it("keeps each connection from its opening to its end", async () => {
    const { bench, ada, client } = await loggedIn();
    bench.clock.advance(10);
    client.frame();
    client.close();
    expect(bench.world.parts.ledger.connections({ open: true })).toEqual([]);
    const [record] = bench.world.parts.ledger.connections();
    expect(record).toMatchObject({ authKeyId: "ada", userId: ada.id, requests: 2, frames: 3 });
    expect((record?.lastFrameAtMs ?? 0) - (record?.firstFrameAtMs ?? 0)).toBe(10);
  });
});
