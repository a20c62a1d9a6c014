import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Bot } from "../../../src/ports/conversation/bot.ts";
import type { ConversationStore } from "../../../src/ports/conversation/conversation-store.ts";
import {
  type ConversationBench,
  openConversationBench,
  textFrom,
} from "../../fixtures/conversation-bench.ts";
import { away, echo } from "../../fixtures/test-bots.ts";

let bench: ConversationBench;
beforeEach(async () => {
  bench = await openConversationBench();
});
afterEach(() => bench.close());

/** Every connection is a new one from now on, and what it writes is refused, or not any more. */
async function readOnly(isOn: boolean): Promise<void> {
  const [row] = await bench.database.query<{ db: string }>("select current_database() as db");
  await bench.database.query(
    `begin; set transaction read write;
     alter database "${row!.db}" set default_transaction_read_only = ${isOn ? "on" : "off"}; commit`,
  );
  await bench.database.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
  );
  await bench.database.query("select pg_terminate_backend(pg_backend_pid())").catch(() => 0);
}

const users = Array.from({ length: 20 }, (_, n) => String(n + 1));
const hellos = users.map((user) => textFrom(user, "hello"));

describe("while the database refuses", () => {
  it("a partition waits, nothing is set aside, and everyone is answered afterwards", async () => {
    const holds: boolean[] = [];
    const engine = await bench.makeEngine(echo, { onHold: (now) => void holds.push(now) });
    await engine.start();
    await readOnly(true);
    await bench.stream.append(hellos);
    await expect.poll(() => holds).toEqual([true]);
    await bench.stream.append([textFrom("1", "and more")]);
    await readOnly(false);
    await bench.stream.emptied();
    expect(bench.stream.parked).toEqual([]);
    for (const user of users.slice(1)) expect(await bench.repliesTo(user)).toEqual(["hello"]);
    expect(await bench.repliesTo("1")).toEqual(["hello", "and more"]);
    expect(holds.at(-1)).toBe(false);
  });

  it("a note says that it begins and another that it ends, however many wait", async () => {
    let failures = 30;
    const commit: ConversationStore["commit"] = (...args) => {
      failures -= 1;
      return failures > 0 ? Promise.reject(away()) : bench.conversations.commit(...args);
    };
    const engine = await bench.makeEngine(echo, { store: { ...bench.conversations, commit } });
    await engine.start();
    await bench.stream.append(hellos);
    await bench.stream.emptied();
    expect(bench.notes).toEqual(["DATABASE_UNAVAILABLE", "DATABASE_BACK"]);
  });

  it("no handler begins, and one that ran is not run again", async () => {
    const runs: string[] = [];
    let isAway = true;
    const bot: Bot = {
      name: "counts",
      handle(turn) {
        runs.push(turn.id);
        turn.reply("done");
      },
    };
    const commit: ConversationStore["commit"] = (...args) =>
      isAway ? Promise.reject(away()) : bench.conversations.commit(...args);
    const holds: boolean[] = [];
    const engine = await bench.makeEngine(bot, {
      store: { ...bench.conversations, commit },
      onHold: (now) => void holds.push(now),
    });
    await engine.start();
    await bench.stream.append([textFrom("1", "first")]);
    await expect.poll(() => holds).toEqual([true]);
    await bench.stream.append(users.slice(1).map((user) => textFrom(user, "later")));
    expect(engine.waiting).toBe(19);
    expect(runs).toHaveLength(1);
    isAway = false;
    await bench.stream.emptied();
    expect(runs).toHaveLength(20);
    expect(new Set(runs).size).toBe(20);
  });

  it("a message that is to be set aside waits too", async () => {
    let failures = 3;
    const parking: string[] = [];
    const engine = await bench.makeEngine(
      {
        name: "fails",
        handle() {
          throw new Error("cannot read this");
        },
      },
      {
        parked: {
          ...bench.parked,
          async park(item, why, claim) {
            failures -= 1;
            if (failures > 0) throw away();
            const outcome = await bench.parked.park(item, why, claim);
            parking.push(outcome);
            return outcome;
          },
        },
      },
    );
    await engine.start();
    await bench.stream.append([textFrom("1", "poison")]);
    await bench.stream.emptied();
    expect(parking).toEqual(["parked"]);
    expect(bench.turnEndings).toEqual(["parked"]);
  });

  it("a step's outcome is kept later, and its call is not made again", async () => {
    let calls = 0;
    let failures = 3;
    const keep: typeof bench.steps.keep = (...args) => {
      failures -= 1;
      return failures > 0 ? Promise.reject(away()) : bench.steps.keep(...args);
    };
    const engine = await bench.makeEngine(
      {
        name: "calls",
        async handle(turn) {
          turn.reply(String(await turn.step("order", () => (calls += 1))));
        },
      },
      { steps: { ...bench.steps, keep } },
    );
    await engine.start();
    await bench.stream.append([textFrom("1", "order")]);
    await bench.stream.emptied();
    expect([calls, await bench.repliesTo("1")]).toEqual([1, ["1"]]);
  });
});

it("a turn whose step waits for the database is given back when the host stops", async () => {
  const holds: boolean[] = [];
  const engine = await bench.makeEngine(
    { name: "calls", handle: async (turn) => void (await turn.step("order", () => 1)) },
    {
      steps: { ...bench.steps, keep: () => Promise.reject(away()) },
      onHold: (now) => void holds.push(now),
      limits: { handlerRetryMsMax: 0 },
    },
  );
  await engine.start();
  await bench.stream.append([textFrom("1", "order")]);
  await expect.poll(() => holds).toEqual([true]);
  await engine.stop();
  expect([bench.turnEndings, bench.stream.parked]).toEqual([["given-back"], []]);
  expect(bench.notes).toEqual(["DATABASE_UNAVAILABLE"]);
});

describe("a turn that the database cannot take", () => {
  it("is set aside for its own data at once, and the next one goes on", async () => {
    const bot: Bot = {
      name: "keeps too much",
      handle(turn) {
        const { input } = turn;
        const isMuch = input.kind === "text" && input.text === "much";
        turn.setState({ machineId: "m", schemaVersion: 1, state: "x".repeat(isMuch ? 5e6 : 1) });
        turn.reply("kept");
      },
    };
    const engine = await bench.makeEngine(bot);
    await engine.start();
    await bench.stream.append([textFrom("1", "much"), textFrom("1", "little")]);
    await bench.stream.emptied();
    expect(bench.stream.parked.map(({ reason }) => reason)).toEqual([
      expect.stringContaining("TURN_TOO_LARGE"),
    ]);
    expect(await bench.repliesTo("1")).toEqual(["kept"]);
  });
});
