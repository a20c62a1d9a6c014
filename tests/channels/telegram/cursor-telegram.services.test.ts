import { describe, expect, it } from "vitest";
import { createMtcuteDriver } from "../../../src/adapters/telegram/mtcute/driver.ts";
import { createUpdateCursor } from "../../../src/channels/telegram/cursor.ts";
import type { GapReading, ReportedGap } from "../../../src/ports/conversation/cursor-store.ts";
import type { InboundItem } from "../../../src/ports/conversation/inbound-stream.ts";
import type { TelegramClient, UpdateCursor } from "../../../src/ports/telegram/telegram.ts";
import type { TelegramDc } from "../../../src/telegram-dc/telegram-dc.ts";
import {
  callsOf,
  createTelegramBench,
  faultOf,
  type OpenedClient,
  patienceMs,
} from "../../fixtures/telegram-bench.ts";
import { createLosses } from "../../fixtures/cursor-bench.ts";
import { createTestClock } from "../../fixtures/test-clock.ts";

const bench = createTelegramBench(createMtcuteDriver);

/** The durable part of an account: its stored cursor and its stream. */
function createKeeping() {
  const items: InboundItem[] = [];
  const gaps: ReportedGap[] = [];
  const notes: string[] = [];
  let stored: UpdateCursor | null = null;
  let reading: GapReading | null = null;
  return {
    gaps,
    notes,
    get pts() {
      return stored?.pts;
    },
    /** As the stream keeps them: each inbound id once. */
    texts: () => [...new Map(items.map(({ inboundId, text }) => [inboundId, text])).values()],
    follow: (client: TelegramClient) =>
      createUpdateCursor({
        client,
        grant: { account: "ada", slot: 1, epoch: 1 },
        clock: createTestClock(),
        events: { report: (event) => void notes.push(event.type === "note" ? event.code : "") },
        isFleets: () => false,
        onUnheard: () => undefined,
        onTokenLost: () => undefined,
        losses: createLosses(),
        stream: {
          async append(added) {
            items.push(...added);
            return [items.length];
          },
        },
        store: {
          load: async () =>
            stored && { cursor: stored, place: { positions: [], losses: 0 }, reading },
          advance: async (_grant, _from, next) => {
            stored = next;
            return true;
          },
          settled: async () => null,
          async keepReading(_grant, kept) {
            reading = kept;
            return true;
          },
          async endReading(_grant, gap) {
            reading = null;
            gaps.push(gap);
            return true;
          },
          reportGap: async (_account, gap) => void gaps.push(gap),
        },
      }),
  };
}

type Keeping = ReturnType<typeof createKeeping>;

/** Passes the client's pushes on, as the serving slot does. */
async function follow(opened: OpenedClient, keeping: Keeping) {
  const cursor = keeping.follow(opened.client);
  let seen = 0;
  const pass = () => {
    const fresh = opened.pushed.slice(seen);
    seen = opened.pushed.length;
    for (const entry of fresh) cursor.onUpdates(entry === null ? null : [entry]);
    return false;
  };
  void opened.until(pass);
  await cursor.start();
  return cursor;
}

function say(dc: TelegramDc, ...texts: string[]): void {
  for (const text of texts) dc.phone.send("bob", { peer: "ada", text });
}

async function openTown(config: Parameters<typeof bench.startDc>[0] = {}) {
  const dc = await bench.startDc(config);
  dc.phone.createUser({ firstName: "Bob", username: "bob" });
  return dc;
}

describe("the update cursor against the data centre (I5)", () => {
  it("follows pushes and own sends without a single fetch after the start", async () => {
    const dc = await openTown();
    const ada = await bench.person(dc, "ada");
    const keeping = createKeeping();
    await follow(ada, keeping);
    const fetches = callsOf(dc, "updates.getDifference");
    say(dc, "one");
    await expect.poll(keeping.texts, { timeout: patienceMs }).toEqual(["one"]);
    const [dialog] = await ada.client.dialogs(1);
    await ada.client.send({ peer: dialog!.peer, text: "reply", randomId: "1" });
    say(dc, "two");
    await expect.poll(keeping.texts, { timeout: patienceMs }).toEqual(["one", "two"]);
    expect(callsOf(dc, "updates.getDifference")).toBe(fetches);
    expect(keeping.notes).toEqual([]);
  });

  it("fetches an update that was lost on the way, in its place", async () => {
    const dc = await openTown();
    const ada = await bench.person(dc, "ada");
    const keeping = createKeeping();
    await follow(ada, keeping);
    say(dc, "one");
    await expect.poll(keeping.texts, { timeout: patienceMs }).toEqual(["one"]);
    dc.phone.addFault({ kind: "lose-update", userId: ada.id });
    say(dc, "two", "three");
    await expect.poll(keeping.texts, { timeout: patienceMs }).toEqual(["one", "two", "three"]);
  });

  it("goes on under a new client where the last one stopped", async () => {
    const dc = await openTown();
    const ada = await bench.person(dc, "ada");
    const keeping = createKeeping();
    const first = await follow(ada, keeping);
    say(dc, "one");
    await expect.poll(keeping.texts, { timeout: patienceMs }).toEqual(["one"]);
    await first.stop();
    await ada.client.close();
    say(dc, "two", "three");
    const again = bench.open(dc, { session: ada.sessions[0]!.bytes });
    await again.client.connect();
    await follow(again, keeping);
    expect(keeping.texts()).toEqual(["one", "two", "three"]);
  });

  it("carries the common pts over to another key of the same account", async () => {
    const dc = await openTown();
    const ada = await bench.person(dc, "ada");
    const keeping = createKeeping();
    const first = await follow(ada, keeping);
    await first.stop();
    const next = bench.open(dc);
    await next.client.connect();
    const phone = dc.phone.user("ada").phone!;
    const { codeHash } = await next.client.requestCode(phone);
    await next.client.signIn({ phone, codeHash, code: dc.phone.readCode("ada")!.code });
    await ada.client.close();
    say(dc, "between the keys");
    await follow(next, keeping);
    expect(keeping.texts()).toEqual(["between the keys"]);
  });

  it("fetches what came while the wire was broken", async () => {
    const dc = await openTown();
    let reconnect = () => {};
    const mayReconnect = new Promise<void>((resolve) => (reconnect = resolve));
    const ada = await bench.person(dc, "ada", {
      dial: async (n, dialDc) => {
        if (n > 1) await mayReconnect;
        return dialDc();
      },
    });
    const keeping = createKeeping();
    const cursor = await follow(ada, keeping);
    dc.phone.addFault({ kind: "reset", method: "messages.getDialogs" });
    await faultOf(ada.client.dialogs(1));
    say(dc, "while you were away");
    reconnect();
    await ada.until(() => ada.wire.length === 3);
    cursor.onUpdates(null);
    await expect.poll(keeping.texts, { timeout: patienceMs }).toEqual(["while you were away"]);
  });

  it("reads history back, and reports the gap, when the difference is too long", async () => {
    const dc = await openTown({ differenceGapMax: 3 });
    const ada = await bench.person(dc, "ada");
    const keeping = createKeeping();
    const first = await follow(ada, keeping);
    await first.stop();
    await ada.client.close();
    const fromPts = keeping.pts!;
    const texts = Array.from({ length: 8 }, (_, index) => `missed ${index}`);
    say(dc, ...texts);
    const again = bench.open(dc, { session: ada.sessions[0]!.bytes });
    await again.client.connect();
    await follow(again, keeping);
    await expect
      .poll(() => keeping.gaps, { timeout: patienceMs })
      .toEqual([{ fromPts, toPts: fromPts + 8, recovered: 8, missing: [] }]);
    expect(keeping.texts()).toEqual(texts);
    expect(keeping.notes).toEqual(["UPDATE_GAP"]);
  });
});

describe("a bot that was away for long (I5)", () => {
  it("reads back what Telegram skipped, of every chat and in order", async () => {
    const dc = await openTown({ differenceGapMax: 20 });
    dc.phone.createUser({ firstName: "Eve", username: "eve" });
    const helper = await bench.bot(dc, "helper_bot");
    const keeping = createKeeping();
    const tell = (by: string, text: string) => dc.phone.send(by, { peer: "helper_bot", text });
    const first = await follow(helper, keeping);
    tell("bob", "before");
    await expect.poll(keeping.texts, { timeout: patienceMs }).toEqual(["before"]);
    await first.stop();
    await helper.client.close();
    const missed = Array.from({ length: 30 }, (_, index) => `away ${index}`);
    for (const [index, text] of missed.entries()) tell(index % 2 === 0 ? "bob" : "eve", text);
    const again = bench.open(dc, { session: helper.sessions[0]!.bytes });
    await again.client.connect();
    await follow(again, keeping);
    await expect.poll(() => keeping.gaps.length, { timeout: patienceMs }).toBe(1);
    expect(keeping.texts()).toEqual(["before", ...missed]);
    tell("eve", "now");
    await expect.poll(() => keeping.texts().at(-1), { timeout: patienceMs }).toBe("now");
  });
});
