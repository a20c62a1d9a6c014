import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HoldfastError } from "../../../src/errors.ts";
import type { Bot } from "../../../src/ports/conversation/bot.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench("user");
});
afterEach(() => bench.close());

async function run(bot: Bot, ...texts: readonly string[]): Promise<void> {
  const engine = await bench.makeEngine(bot);
  await engine.start();
  await bench.stream.append(texts.map((text) => textFrom("1", text)));
  await bench.stream.emptied();
  await engine.stop();
}

describe("a call to the outside", () => {
  it("is made once although its turn fails afterwards and is taken again (V12)", async () => {
    let calls = 0;
    let runs = 0;
    await run(
      {
        name: "caller",
        async handle(turn) {
          runs += 1;
          const order = await turn.step("order", async () => ({ number: (calls += 1) }));
          const nothing = await turn.step("nothing", () => undefined);
          if (runs < 3) {
            throw new HoldfastError({ code: "X", message: "not yet", policy: "retryable" });
          }
          turn.reply(`${order.number} ${JSON.stringify(nothing)}`);
        },
      },
      "hello",
    );
    expect([runs, calls]).toEqual([3, 1]);
    expect(await bench.repliesTo("1")).toEqual(["1 null"]);
  });

  it("is made again when it failed, and for each turn by itself", async () => {
    const made: string[] = [];
    await run(
      {
        name: "caller",
        async handle(turn) {
          const said = await turn.step("call", () => {
            made.push(turn.id);
            if (made.length === 1) {
              throw new HoldfastError({ code: "X", message: "away", policy: "retryable" });
            }
            return made.length;
          });
          turn.reply(String(said));
        },
      },
      "one",
      "two",
    );
    expect(await bench.repliesTo("1")).toEqual(["2", "3"]);
    expect(made[0]).toBe(made[1]);
    expect(made[2]).not.toBe(made[1]);
  });

  it("needs a name of its own in its turn", async () => {
    await run(
      {
        name: "caller",
        async handle(turn) {
          await turn.step("call", () => 1);
          await turn.step("call", () => 2);
        },
      },
      "hello",
    );
    expect(bench.stream.parked[0]?.reason).toContain("STEP_TWICE");
  });

  it("stays for a replay, and goes when nobody takes its turn any more", async () => {
    await run(
      { name: "caller", handle: async (turn) => void (await turn.step("a", () => 1)) },
      "x",
    );
    const kept = () => bench.database.query("select from turn_steps");
    await bench.steps.clear(60_000);
    expect(await kept()).toHaveLength(1);
    await bench.database.query("update turn_steps set created_at = now() - interval '2 minutes'");
    await bench.steps.clear(60_000);
    expect(await kept()).toHaveLength(0);
  });
});

describe("a progress update", () => {
  it("counts what came, and is refused where none was begun (V7)", async () => {
    const seen: unknown[] = [];
    await run(
      {
        name: "reporter",
        handle(turn) {
          const { input } = turn;
          const text = input.kind === "text" ? input.text : "";
          if (text === "begin") turn.beginProgress({ task: "slab" });
          if (text === "photo") turn.addProgress({ images: 1 });
          if (text === "done") turn.addProgress({ comments: 1, status: "done" });
          if (text === "end") turn.endProgress();
          seen.push(turn.progress);
        },
      },
      "begin",
      "photo",
      "photo",
      "done",
      "begin",
      "end",
      "photo",
    );
    const slab = { subject: { task: "slab" }, images: 0, comments: 0, status: null };
    expect(seen).toEqual([
      slab,
      { ...slab, images: 1 },
      { ...slab, images: 2 },
      { ...slab, images: 2, comments: 1, status: "done" },
      slab,
      null,
    ]);
    expect(bench.stream.parked[0]?.reason).toContain("NO_PROGRESS_UPDATE");
  });
});
