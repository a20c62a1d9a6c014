import { beforeEach, describe, expect, it } from "vitest";
import { createWaitingClient } from "../../src/accounts/waiting-client.ts";
import { type AccountWaits, createAccountWaits } from "../../src/accounts/waits.ts";
import type { TelegramClient } from "../../src/ports/telegram/telegram.ts";
import { TelegramError } from "../../src/ports/telegram/telegram-error.ts";
import { restMsOf, type TelegramWait, waitsMax } from "../../src/ports/telegram/waits.ts";
import { createTestClock, type TestClock } from "../fixtures/test-clock.ts";

let clock: TestClock;
/** As the database has it, for every host. */
let kept: TelegramWait[];
let isAway: boolean;
/** Calls that reached Telegram. */
let asked: string[];
let notes: string[];
let ordered: number[];
/** Telegram's next answers; none is a success. */
let floods: number[];
/** Telegram's name for them. */
let family: string;

beforeEach(() => {
  clock = createTestClock();
  kept = [];
  isAway = false;
  asked = [];
  notes = [];
  ordered = [];
  floods = [];
  family = "FLOOD_WAIT";
});

const host = (): AccountWaits =>
  createAccountWaits({
    account: "desk",
    store: {
      inForce: async () => new Map([["desk", kept]]),
      keep: async (_account, wait) => {
        if (isAway) throw new Error("the database is away");
        kept.push(wait);
      },
    },
    clock,
    events: { report: (event) => void (event.type === "note" && notes.push(event.code)) },
    onOrdered: (seconds) => void ordered.push(seconds),
  });

async function answer(name: string): Promise<never> {
  asked.push(name);
  const waitSeconds = floods.shift();
  if (waitSeconds === undefined) return undefined as never;
  const message = `Telegram answered 420 ${family}_${waitSeconds}`;
  throw new TelegramError({ code: family, kind: "flood", waitSeconds, message });
}

const clientOf = (waits: AccountWaits, onSilence?: (seconds: number) => void): TelegramClient =>
  createWaitingClient(
    {
      difference: () => answer("difference"),
      send: ({ peer }: { peer: { userId: string } }) => answer(`send ${peer.userId}`),
      invoke: (method: string) => answer(method),
    } as unknown as TelegramClient,
    waits,
    onSilence,
  );

const from = { pts: 1, qts: 0, date: 0, seq: 0 };
const to = (userId: string) => ({ peer: { userId, accessHash: "1" }, text: "hi", randomId: "1" });

describe("a flood wait", () => {
  it("rests its method for every caller, and nothing else, until it ends", async () => {
    const client = clientOf(host());
    floods = [60];
    await expect(client.difference(from)).rejects.toMatchObject({ fault: { waitSeconds: 60 } });
    clock.advance(20_500);
    for (const call of [
      () => client.difference(from),
      () => client.invoke("updates.getDifference", {}),
    ]) {
      await expect(call()).rejects.toMatchObject({
        fault: { code: "FLOOD_WAIT", kind: "flood", waitSeconds: 40 },
      });
    }
    await client.invoke("help.getConfig", {});
    clock.advance(39_499);
    await expect(client.difference(from)).rejects.toBeInstanceOf(TelegramError);
    clock.advance(1);
    await client.difference(from);
    expect(asked).toEqual(["difference", "help.getConfig", "difference"]);
    expect(ordered).toEqual([60]);
  });

  it("says until when, at its order and at each refusal", async () => {
    const client = clientOf(host());
    floods = [60];
    const until = "updates.getDifference of desk rests until 2023-11-14T22:14:20.000Z";
    await expect(client.difference(from)).rejects.toMatchObject({
      fault: { message: `Telegram answered 420 FLOOD_WAIT_60; ${until}` },
    });
    await expect(client.difference(from)).rejects.toMatchObject({
      fault: { message: `Telegram was not asked: ${until}` },
    });
  });

  it("of a send rests its chat alone, whichever call sends to it", async () => {
    const client = clientOf(host());
    floods = [60];
    await expect(client.send(to("5"))).rejects.toMatchObject({ fault: { kind: "flood" } });
    await client.send(to("6"));
    const raw = (userId: number) =>
      client.invoke("messages.sendMessage", { peer: { _: "inputPeerUser", userId } });
    await raw(6);
    await expect(raw(5)).rejects.toMatchObject({ fault: { kind: "flood" } });
    await expect(client.send(to("5"))).rejects.toMatchObject({ fault: { kind: "flood" } });
    expect(asked).toEqual(["send 5", "send 6", "messages.sendMessage"]);
  });

  it("of sends to two chats silences the account, whoever sends", async () => {
    const silences: number[] = [];
    const waits = host();
    const [one, other] = [0, 1].map(() => clientOf(waits, (seconds) => silences.push(seconds)));
    floods = [60];
    await expect(one!.send(to("5"))).rejects.toMatchObject({ fault: { kind: "flood" } });
    await expect(one!.send(to("5"))).rejects.toMatchObject({ fault: { asked: false } });
    expect(silences).toEqual([]);
    floods = [30];
    const peer = { _: "inputPeerUser", userId: 6 };
    await expect(other!.invoke("messages.sendMedia", { peer })).rejects.toMatchObject({
      fault: { waitSeconds: 30 },
    });
    expect(silences).toEqual([30]);
  });

  it("of a send stays its chat's where another chat was sent to meanwhile, or where it is over", async () => {
    const silences: number[] = [];
    const client = clientOf(host(), (seconds) => silences.push(seconds));
    const flooded = async (userId: string): Promise<void> => {
      floods = [60];
      await expect(client.send(to(userId))).rejects.toMatchObject({ fault: { kind: "flood" } });
    };
    await flooded("5");
    await client.send(to("6"));
    await flooded("7");
    clock.advance(60_000);
    await flooded("8");
    family = "SLOWMODE_WAIT";
    for (const chat of ["9", "10", "11"]) await flooded(chat);
    expect(silences).toEqual([]);
  });

  it("of a raw send to a channel leaves a group of the same number alone", async () => {
    const client = clientOf(host());
    floods = [60];
    const raw = (peer: { readonly [field: string]: string | { readonly $long: string } }) =>
      client.invoke("messages.sendMedia", { peer });
    const channel = { _: "inputPeerChannel", channelId: { $long: "5" } };
    await expect(raw(channel)).rejects.toMatchObject({ fault: { kind: "flood" } });
    await raw({ _: "inputPeerChat", chatId: { $long: "5" } });
    await raw({ _: "inputPeerSelf" });
    await expect(raw(channel)).rejects.toMatchObject({ fault: { kind: "flood" } });
  });

  it("is kept before its caller hears of it, for the next host", async () => {
    floods = [60];
    await expect(clientOf(host()).difference(from)).rejects.toBeInstanceOf(TelegramError);
    const next = host();
    await next.load();
    await expect(clientOf(next).difference(from)).rejects.toMatchObject({
      fault: { waitSeconds: 60 },
    });
    expect(asked).toEqual(["difference"]);
    expect(next.restMs("updates.getDifference")).toBe(60_000);
  });

  it("that cannot be kept now holds here all the same, and is kept as soon as it can be", async () => {
    const waits = host();
    isAway = true;
    floods = [60];
    await expect(clientOf(waits).difference(from)).rejects.toBeInstanceOf(TelegramError);
    expect(waits.restMs("updates.getDifference")).toBe(60_000);
    expect(notes).toEqual(["TELEGRAM_WAIT", "WAIT_NOT_KEPT"]);
    isAway = false;
    clock.advance(1000);
    await expect.poll(() => kept.map(({ method }) => method)).toEqual(["updates.getDifference"]);
    clock.advance(10_000);
    expect(notes).toHaveLength(2);
  });

  it("is not shortened by a shorter one", async () => {
    const waits = host();
    kept = [
      { method: "users.getUsers", chat: null, code: "FLOOD_WAIT", untilMs: clock.now() + 90_000 },
    ];
    await waits.load();
    kept = [
      { method: "users.getUsers", chat: null, code: "FLOOD_WAIT", untilMs: clock.now() + 10_000 },
    ];
    await waits.load();
    expect(waits.restMs("users.getUsers")).toBe(90_000);
  });

  it("of no time rests nothing", async () => {
    const client = clientOf(host());
    floods = [0];
    await expect(client.difference(from)).rejects.toMatchObject({ fault: { waitSeconds: 0 } });
    await client.difference(from);
    expect(asked).toHaveLength(2);
  });
});

it("more waits than are known at a time cost the one that ends first", async () => {
  const waits = host();
  const client = clientOf(waits);
  floods = Array.from({ length: waitsMax + 1 }, (_, n) => 100 + n);
  for (let chat = 0; chat <= waitsMax; chat += 1) {
    await client.send(to(String(chat))).catch(() => undefined);
  }
  expect(waits.inForce).toHaveLength(waitsMax);
  await client.send(to("0"));
  await expect(client.send(to("1"))).rejects.toBeInstanceOf(TelegramError);
});

it("a rest of a method is that of its longest wait, and no chat's", () => {
  const wait = { code: "FLOOD_WAIT", chat: null };
  const waits = [
    { ...wait, method: "a", untilMs: 50 },
    { ...wait, method: "a", untilMs: 90 },
    { ...wait, method: "b", chat: "user 5", untilMs: 99 },
  ];
  expect(restMsOf(waits, "a", 40)).toBe(50);
  expect(restMsOf(waits, "a", 100)).toBe(0);
  expect(restMsOf(waits, "b", 40)).toBe(0);
});
