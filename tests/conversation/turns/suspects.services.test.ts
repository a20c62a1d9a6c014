import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSuspectStore } from "../../../src/adapters/postgres/suspect-store.ts";
import { runHere } from "../../../src/conversation/turns/bot-here.ts";
import {
  BotDied,
  type BotPlace,
  type BotRunner,
} from "../../../src/ports/conversation/bot-runner.ts";
import type { TurnEngineOptions } from "../../../src/conversation/turns/engine.ts";
import {
  account,
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { echo } from "../../fixtures/test-bots.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench();
});
afterEach(() => bench.close());

const died = (isSuspect: boolean) =>
  new BotDied({ code: "BOT_EXITED", message: "It ended.", next: "See.", isSuspect });

/** A bot whose process ends with a turn as long as `death` says so; tells how each text was taken. */
function dying(death: (text: string, run: number) => BotDied | null) {
  const runs: string[] = [];
  const here = runHere(echo);
  const runner: BotRunner = {
    ...here,
    place: (of) => ({
      run(turn, texts) {
        const { text } = turn.item;
        runs.push(of.alone ? `${text} alone` : text);
        const run = runs.filter((one) => one.startsWith(text)).length;
        const error = death(text, run);
        const place = here.place(of) as BotPlace;
        return error === null
          ? place.run(turn, texts)
          : { answer: Promise.reject(error), end: () => undefined };
      },
    }),
  };
  const findBot: TurnEngineOptions["findBot"] = () => ({
    bot: runner,
    style: "buttons",
    sentBy: "holder",
  });
  return { runs, change: { findBot } };
}

const suspects = () =>
  bench.database.query<{ id: string; deaths: number }>(
    "select inbound_id as id, deaths from bot_suspects order by id",
  );

describe("a turn that ends the process of its bot", () => {
  it("runs alone twice, is set aside with the reason, and its user goes on", async () => {
    const { runs, change } = dying((text) => (text === "poison" ? died(true) : null));
    const engine = await bench.makeEngine(echo, change);
    await engine.start();
    await bench.stream.append([
      textFrom("1", "poison"),
      textFrom("1", "next"),
      textFrom("2", "hi"),
    ]);
    await bench.stream.emptied();
    expect(runs.filter((run) => run.startsWith("poison"))).toEqual([
      "poison",
      "poison alone",
      "poison alone",
    ]);
    expect(bench.stream.parked.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^BOT_EXITED: It ended/),
    ]);
    expect(await bench.repliesTo("1")).toEqual(["next"]);
    expect(await bench.repliesTo("2")).toEqual(["hi"]);
    await expect.poll(suspects).toEqual([]);
  });

  it("is no suspect any more once it has run through alone", async () => {
    const { runs, change } = dying((_text, run) => (run === 1 ? died(true) : null));
    const engine = await bench.makeEngine(echo, change);
    await engine.start();
    await bench.stream.append([textFrom("1", "hello"), textFrom("2", "hi")]);
    await bench.stream.emptied();
    expect(runs.toSorted()).toEqual(["hello", "hello alone", "hi", "hi alone"]);
    expect(await bench.repliesTo("1")).toEqual(["hello"]);
    await expect.poll(suspects).toEqual([]);
  });

  it("is not counted where another turn is known to have ended it", async () => {
    const { runs, change } = dying((_text, run) => (run < 6 ? died(false) : null));
    const engine = await bench.makeEngine(echo, change);
    await engine.start();
    await bench.stream.append([textFrom("1", "hello")]);
    await bench.stream.emptied();
    expect(runs).toEqual(Array.from({ length: 6 }, () => "hello"));
    expect(await suspects()).toEqual([]);
  });

  it("runs alone at once under the next owner, which goes on counting", async () => {
    const item = textFrom("1", "poison");
    const { inboundId } = item;
    const first = await bench.conversations.claimPartition(0, "gone");
    const told = {
      channel: "telegram",
      account,
      inboundId,
      code: "BOT_HUNG",
      reason: "It hung.",
    } as const;
    const earlier = createSuspectStore(bench.database);
    expect([await earlier.count(told, first), await earlier.count(told, first)]).toEqual([1, 2]);
    const { runs, change } = dying(() => died(true));
    const engine = await bench.makeEngine(echo, change);
    expect(await earlier.count(told, first)).toBe("stale-owner");
    await engine.start();
    await bench.stream.append([item]);
    await bench.stream.emptied();
    expect(runs).toEqual(["poison alone"]);
    expect(bench.stream.parked).toHaveLength(1);
  });

  it("is written down together with those beside it, by one statement", async () => {
    const { change } = dying((_text, run) => (run === 1 ? died(true) : null));
    const engine = await bench.makeEngine(echo, change);
    await engine.start();
    await bench.stream.append(
      Array.from({ length: 20 }, (_, user) => textFrom(`${user}`, `t${user}x`)),
    );
    await bench.stream.emptied();
    const counted = bench.statements.filter((text) => text.includes("insert into bot_suspects"));
    expect(counted.length).toBeLessThan(10);
  });
});

it("a suspect of a month ago is forgotten", async () => {
  const store = createSuspectStore(bench.database);
  const claim = await bench.conversations.claimPartition(3, "bench");
  const told = { channel: "telegram", account, code: "BOT_HUNG", reason: "It hung." } as const;
  await store.count({ ...told, inboundId: "old" }, claim);
  await store.count({ ...told, inboundId: "new" }, claim);
  await bench.database.query(
    "update bot_suspects set died_at = now() - interval '31 days' where inbound_id = 'old'",
  );
  expect((await store.read(3)).map(({ inboundId }) => inboundId)).toEqual(["new"]);
  expect(await suspects()).toEqual([{ id: "new", deaths: 1 }]);
});
