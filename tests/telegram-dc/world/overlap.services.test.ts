import { describe, expect, it } from "vitest";
import type { OverlapPolicy } from "../../../src/telegram-dc/world/config.ts";
import { createOverlapDetector } from "../../../src/telegram-dc/world/ledger/overlap.ts";
import { createBench } from "../../fixtures/telegram-dc/world-bench.ts";

type Step = readonly [event: "frame" | "request" | "answer" | "close", connection: 1 | 2 | 3 | 4];

/** 3 comes from another address, 4 is a media connection. */
function connectionOf(id: number) {
  return { id, address: id === 3 ? "127.0.0.9" : "127.0.0.1", isMedia: id === 4 };
}

function judge(steps: readonly Step[], userId: bigint | null = 1n): OverlapPolicy[] {
  const detector = createOverlapDetector();
  const key = { id: "key", userId: userId ?? undefined };
  const found = steps.flatMap(([event, id], atMs) => {
    const connection = connectionOf(id);
    if (event === "frame") return detector.frame(connection, key, atMs);
    if (event === "request") return detector.requestStarted(connection, key, atMs);
    if (event === "answer") detector.requestEnded(connection, key.id);
    else detector.closed(connection, atMs);
    return [];
  });
  return found.map((overlap) => overlap.policy).toSorted();
}

describe("overlap of one key on two connections", () => {
  it.each<[string, Step[], OverlapPolicy[]]>([
    [
      "a request while the other connection owes an answer is parallel",
      [
        ["request", 1],
        ["request", 2],
      ],
      ["parallel-requests"],
    ],
    [
      "going back to a connection after the other was used is parallel",
      [
        ["request", 1],
        ["answer", 1],
        ["request", 2],
        ["answer", 2],
        ["request", 1],
      ],
      ["parallel-requests"],
    ],
    [
      "moving on from a connection, and never back, is not parallel",
      [
        ["request", 1],
        ["answer", 1],
        ["request", 2],
        ["answer", 2],
        ["request", 2],
      ],
      [],
    ],
    [
      "a request after the other connection closed with an answer owed is not parallel",
      [
        ["request", 1],
        ["close", 1],
        ["request", 2],
      ],
      [],
    ],
    [
      "two requests on one connection are not parallel",
      [
        ["request", 1],
        ["request", 1],
      ],
      [],
    ],
    [
      "frames on two open connections are an overlap of any two",
      [
        ["frame", 1],
        ["frame", 2],
      ],
      ["any-two-connections"],
    ],
    [
      "frames on two open connections from two addresses are also one by address",
      [
        ["frame", 1],
        ["frame", 3],
      ],
      ["any-two-connections", "by-address"],
    ],
    [
      "a frame after the other connection closed is none",
      [
        ["frame", 1],
        ["close", 1],
        ["frame", 3],
      ],
      [],
    ],
    [
      "a pair is counted once however often it overlaps",
      [
        ["frame", 1],
        ["frame", 2],
        ["frame", 1],
        ["frame", 2],
      ],
      ["any-two-connections"],
    ],
    [
      "a third connection overlaps with each of the two",
      [
        ["request", 1],
        ["request", 2],
        ["request", 3],
      ],
      ["parallel-requests", "parallel-requests", "parallel-requests"],
    ],
    [
      "media connections never count",
      [
        ["frame", 1],
        ["frame", 4],
        ["request", 1],
        ["request", 4],
      ],
      [],
    ],
  ])("%s", (_name, steps, expected) => {
    expect(judge(steps)).toEqual(expected);
  });

  it("needs a key that is logged in", () => {
    expect(
      judge(
        [
          ["frame", 1],
          ["frame", 2],
          ["request", 1],
          ["request", 2],
        ],
        null,
      ),
    ).toEqual([]);
  });
});

const PHONE = "99966100001";

describe("the killing of a duplicated key", () => {
  it.each<[OverlapPolicy | "off", boolean]>([
    ["parallel-requests", false],
    ["any-two-connections", true],
    ["by-address", false],
    ["off", false],
  ])(
    "under %s, an idle second connection from the same address kills: %s",
    async (policy, kills) => {
      const bench = createBench({ overlapPolicy: policy });
      bench.phone.createUser({ phone: PHONE, firstName: "Ada" });
      const first = await bench.logIn(PHONE, "key");
      bench.connect("key").frame();
      const outcome = await first.call("updates.getState");
      expect(outcome.kind === "error" && outcome.message).toBe(kills && "AUTH_KEY_DUPLICATED");
      expect(bench.world.parts.ledger.overlaps()["any-two-connections"]).toBe(1);
    },
  );

  it.each<[OverlapPolicy | "off", boolean]>([
    ["parallel-requests", true],
    ["any-two-connections", true],
    ["by-address", true],
    ["off", false],
  ])("under %s, requests in turn from two addresses kill: %s", async (policy, kills) => {
    const bench = createBench({ overlapPolicy: policy });
    bench.phone.createUser({ phone: PHONE, firstName: "Ada" });
    const first = await bench.logIn(PHONE, "key");
    const second = bench.connect("key", { address: "127.0.0.9" });
    await second.call("updates.getState");
    const outcome = await first.call("updates.getState");
    expect(outcome.kind === "error" && outcome.message).toBe(kills && "AUTH_KEY_DUPLICATED");
    expect(bench.world.parts.ledger.overlaps()).toEqual({
      "parallel-requests": kills && policy !== "parallel-requests" ? 0 : 1,
      "any-two-connections": 1,
      "by-address": 1,
    });
  });

  it("answers 406 twice, then 401, then refuses the key at transport level", async () => {
    const bench = createBench({ overlapPolicy: "any-two-connections" });
    bench.phone.createUser({ phone: PHONE, firstName: "Ada" });
    const first = await bench.logIn(PHONE, "key");
    const second = bench.connect("key");
    const answers: unknown[] = [];
    for (const client of [second, first, second, first]) {
      const outcome = await client.call("updates.getState");
      answers.push(outcome.kind === "error" ? `${outcome.code} ${outcome.message}` : outcome.kind);
    }
    expect(answers).toEqual([
      "406 AUTH_KEY_DUPLICATED",
      "406 AUTH_KEY_DUPLICATED",
      "401 AUTH_KEY_UNREGISTERED",
      "401 AUTH_KEY_UNREGISTERED",
    ]);
    expect(bench.destroyed).toEqual(["key"]);
    expect(bench.world.parts.ledger.keyEvents().map(({ event }) => event)).toEqual([
      "created",
      "authorised",
      "duplicated",
      "destroyed",
    ]);
  });

  it("tells a call that was under way of the death, though its effect stands", async () => {
    const bench = createBench({ overlapPolicy: "parallel-requests" });
    const ada = bench.phone.createUser({ phone: PHONE, firstName: "Ada" });
    const first = await bench.logIn(PHONE, "key");
    bench.phone.addFault({ kind: "delay", method: "messages.sendMessage", delayMs: 1_000 });
    const slow = first.call("messages.sendMessage", {
      peer: { _: "inputPeerSelf" },
      message: "note",
      random_id: 1n,
    });
    await bench.connect("key").call("updates.getState");
    bench.clock.advance(1_000);
    expect(await slow).toEqual({ kind: "error", code: 406, message: "AUTH_KEY_DUPLICATED" });
    expect(bench.phone.messages(ada.id)).toMatchObject([{ text: "note" }]);
  });
});
