import { Api } from "telegram";
import { Raw } from "telegram/events/index.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Connection, TlObject } from "../../../src/telegram-dc/seam.ts";
import { connectGramJs } from "../../fixtures/telegram-dc/gramjs-client.ts";
import { connectMtcute, makeMtcute } from "../../fixtures/telegram-dc/mtcute-client.ts";
import { type StubDataCentre, startStubDataCentre } from "../../fixtures/telegram-dc/stub-world.ts";

let dc: StubDataCentre;
const ends: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  dc = await startStubDataCentre();
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await dc.close();
});

const LONG_COUNTRY = "X".repeat(3_000);

function answerLong(): void {
  dc.world.answer = (call) =>
    call.query._ === "help.getNearestDc"
      ? {
          kind: "result",
          value: { _: "nearestDc", country: LONG_COUNTRY, this_dc: 2, nearest_dc: 2 },
        }
      : undefined;
}

function lastConnection(): Connection {
  const connection = dc.world.connections.at(-1);
  if (connection === undefined) throw new Error("no connection");
  return connection;
}

function updateOf(date: number): TlObject {
  return {
    _: "updates",
    updates: [{ _: "updateConfig" }],
    users: [],
    chats: [],
    date,
    seq: 0,
  };
}

describe("unmodified mtcute", () => {
  it("answers fifty calls at once from few frames", async () => {
    const client = await connectMtcute(dc);
    ends.push(() => client.destroy());
    await client.call({ _: "help.getNearestDc" });
    const before = dc.server.stats.frames;
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => client.call({ _: "help.getNearestDc" })),
    );
    expect(answers.map((answer) => answer.thisDc)).toEqual(Array.from({ length: 50 }, () => 2));
    expect(dc.server.stats.frames - before).toBeLessThan(50);
  });

  it("reads packed answers", async () => {
    answerLong();
    const client = await connectMtcute(dc);
    ends.push(() => client.destroy());
    expect(await client.call({ _: "help.getNearestDc" })).toMatchObject({ country: LONG_COUNTRY });
    expect(dc.server.stats.packedAnswers).toBe(1);
  });

  it("goes on with a rotated salt without executing a call twice", async () => {
    const client = await connectMtcute(dc);
    ends.push(() => client.destroy());
    await client.call({ _: "help.getNearestDc" });
    dc.server.registry.rotateSalt(lastConnection().authKeyId ?? "");
    const before = dc.world.calls.filter((call) => call.query._ === "help.getNearestDc").length;
    await client.call({ _: "help.getNearestDc" });
    const after = dc.world.calls.filter((call) => call.query._ === "help.getNearestDc").length;
    expect(after - before).toBe(1);
    expect(dc.server.stats.badServerSalts).toBeGreaterThan(0);
  });

  it("gets an answer that was lost with its connection over the next one, executed once", async () => {
    const client = await connectMtcute(dc);
    ends.push(() => client.destroy());
    await client.call({ _: "help.getNearestDc" });
    let executed = 0;
    const closed = dc.world.nextClose();
    dc.world.answer = (call) => {
      if (call.query._ !== "help.getAppConfig") return undefined;
      executed++;
      call.connection.close("reset");
      return closed.then(() => ({ kind: "result", value: { _: "help.appConfigNotModified" } }));
    };
    expect(await client.call({ _: "help.getAppConfig", hash: 0 })).toMatchObject({
      _: "help.appConfigNotModified",
    });
    expect(executed).toBe(1);
    expect(dc.server.stats.resentMessages).toBeGreaterThan(0);
  });

  it("receives pushed updates and acknowledges them", async () => {
    const client = makeMtcute(dc);
    ends.push(() => client.destroy());
    const received = new Promise<number>((resolve) => {
      client.onServerUpdate.add((update) => {
        if (update._ === "updates") resolve(update.date);
      });
    });
    await client.connect();
    await client.call({ _: "help.getNearestDc" });
    lastConnection().push(updateOf(77));
    expect(await received).toBe(77);
  });

  it("is told of an error with its code and name", async () => {
    const client = await connectMtcute(dc);
    ends.push(() => client.destroy());
    await expect(client.call({ _: "help.getInviteText" })).rejects.toMatchObject({
      code: 401,
      text: "AUTH_KEY_UNREGISTERED",
    });
  });

  it("keeps its key in an exported session", async () => {
    const first = await connectMtcute(dc);
    await first.call({ _: "help.getNearestDc" });
    const session = await first.exportSession();
    await first.destroy();
    const again = await connectMtcute(dc, { session });
    ends.push(() => again.destroy());
    await again.call({ _: "help.getNearestDc" });
    expect(dc.server.stats.keysMade).toBe(1);
  });
});

describe("unmodified GramJS", () => {
  it("answers fifty calls at once", async () => {
    const client = await connectGramJs(dc);
    ends.push(() => client.destroy());
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => client.invoke(new Api.help.GetNearestDc())),
    );
    expect(answers.every((answer) => answer.thisDc === 2)).toBe(true);
  });

  it("reads packed answers", async () => {
    answerLong();
    const client = await connectGramJs(dc);
    ends.push(() => client.destroy());
    const nearest = await client.invoke(new Api.help.GetNearestDc());
    expect(nearest.country).toBe(LONG_COUNTRY);
    expect(dc.server.stats.packedAnswers).toBe(1);
  });

  it("goes on with a rotated salt", async () => {
    const client = await connectGramJs(dc);
    ends.push(() => client.destroy());
    await client.invoke(new Api.help.GetNearestDc());
    const before = dc.server.stats.badServerSalts;
    dc.server.registry.rotateSalt(lastConnection().authKeyId ?? "");
    const nearest = await client.invoke(new Api.help.GetNearestDc());
    expect(nearest.thisDc).toBe(2);
    expect(dc.server.stats.badServerSalts - before).toBe(1);
  });

  it("receives pushed updates", async () => {
    const client = await connectGramJs(dc);
    ends.push(() => client.destroy());
    await client.invoke(new Api.help.GetNearestDc());
    const received = new Promise<string>((resolve) => {
      client.addEventHandler((update: Api.TypeUpdate) => {
        if (update instanceof Api.UpdateConfig) resolve(update.className);
      }, new Raw({}));
    });
    lastConnection().push(updateOf(77));
    expect(await received).toBe("UpdateConfig");
  });

  it("is told of an error with its code and name", async () => {
    const client = await connectGramJs(dc);
    ends.push(() => client.destroy());
    await expect(client.invoke(new Api.help.GetInviteText())).rejects.toMatchObject({
      code: 401,
      errorMessage: "AUTH_KEY_UNREGISTERED",
    });
  });
});
