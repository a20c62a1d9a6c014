import { describe, expect, it } from "vitest";
import { createGramJsDriver } from "../../../src/adapters/telegram/gramjs/driver.ts";
import { createMtcuteDriver } from "../../../src/adapters/telegram/mtcute/driver.ts";
import { createTelegramBench } from "../../fixtures/telegram-bench.ts";

describe("an account that changes its driver", () => {
  const drivers = { mtcute: createMtcuteDriver, telegram: createGramJsDriver };
  const benches = {
    mtcute: createTelegramBench(drivers.mtcute),
    telegram: createTelegramBench(drivers.telegram),
  };

  it.each([
    ["mtcute", "telegram"],
    ["telegram", "mtcute"],
  ] as const)("keeps its key and its login from %s to %s", async (from, to) => {
    const dc = await benches[from].startDc();
    const { client, sessions, id } = await benches[from].person(dc, "ada");
    const cursor = await client.cursor();
    await client.close();
    const next = benches[to].open(dc, { session: sessions[0]!.bytes });
    await next.client.connect();
    expect(next.client.keyId).toBe(sessions[0]!.keyId);
    expect(await next.client.self()).toMatchObject({ userId: String(id), isBot: false });
    expect(await next.client.cursor()).toMatchObject({ pts: cursor.pts });
    expect(dc.phone.authorisations(id)).toHaveLength(1);
    await next.client.close();
  });
});
