import { describe, expect, it } from "vitest";
import { checkedBody } from "../../src/commands/checked-body.ts";
import { createConversationCommands } from "../../src/commands/conversation-verbs.ts";
import { createFleetCommands } from "../../src/commands/fleet-verbs.ts";
import { createHolderCommands } from "../../src/commands/use-verbs.ts";
import type { Account } from "../../src/accounts/account.ts";
import type { ServingToken } from "../../src/ports/custody/token-store.ts";
import type { AccountRecord } from "../../src/ports/accounts/account-store.ts";
import type { TelegramWait } from "../../src/ports/telegram/waits.ts";
import { owner } from "../fixtures/speakers.ts";

const unasked = () => Promise.reject(new Error("not to be asked"));

const record = {
  name: "site-bot",
  kind: "bot",
  driver: "mtcute",
  state: "active",
  servingSlot: 2,
  reason: null,
  wanted: "stop",
  device: {
    deviceModel: "Desk",
    systemVersion: "1",
    appVersion: "1",
    langCode: "en",
    systemLangCode: "en",
  },
  coolingUntilMs: 1_700_000_000_000,
  hasProxy: true,
  hasPassword: false,
  bot: null,
  telegramUserId: "5",
} as AccountRecord;

const token = {
  account: "site-bot",
  slot: 2,
  epoch: 7,
  state: "connected",
  incarnation: "i-1",
  keyId: "0123456789abcdef",
  host: "one",
  sinceMs: 1_700_000_000_000,
  proof: { pid: 42 },
  heldAs: null,
  connectedEpoch: 7,
} as ServingToken;

const restingDifference: TelegramWait = {
  method: "updates.getDifference",
  chat: null,
  code: "FLOOD_WAIT",
  untilMs: 1_700_000_100_000,
};

const fleetOf = (tokens: readonly ServingToken[]) =>
  createFleetCommands({
    incarnation: "i-1",
    accounts: {
      list: async () => [record],
      find: async (name) => (name === record.name ? record : null),
      openRenewal: unasked,
      chooseDriver: async () => {},
    },
    tokens: { serving: async () => tokens },
    waits: { inForce: async () => new Map([[record.name, [restingDifference]]]) },
    now: () => 1_700_000_000_000,
    drivers: { requireInstalled: () => {} },
    force: {
      tokens: { read: async () => null, releaseAll: unasked },
      incarnations: { holders: unasked },
      bus: { fence: unasked, tell: () => {} },
      takeover: {} as never,
    },
  });

describe("an answer about the fleet", () => {
  it("tells the holder of a session, field by field", async () => {
    const answer = await fleetOf([token]).verbs.who({ account: "site-bot" }, owner);
    expect(JSON.stringify(answer)).toBe(
      '{"ok":true,"holders":[{"account":"site-bot","slot":2,"keyId":"0123456789abcdef","state":"connected","epoch":7,"host":"one","incarnation":"i-1","process":42,"since":"2023-11-14T22:13:20.000Z","next":"Use it through its holder: npx holdfast call site-bot <method>, or NATS holdfast.account.site-bot.invoke"}]}',
    );
  });

  it("names no host and no process of a token that is free", async () => {
    const free: ServingToken = { ...token, state: "free" };
    expect(await fleetOf([free]).verbs.who({}, owner)).toMatchObject({
      holders: [{ host: null, process: null }],
    });
  });

  it("describes an account that a person has stopped, field by field", async () => {
    expect(JSON.stringify(await fleetOf([]).ofStopped(record, "status"))).toBe(
      '{"ok":true,"account":{"name":"site-bot","kind":"bot","driver":"mtcute","state":"stopped","slot":2,"epoch":null,"host":"–","reason":null,"renewal":null,"bound":null,"wanted":"stop","coolingUntil":"2023-11-14T22:13:20.000Z","waits":[{"method":"updates.getDifference","chats":null,"until":"2023-11-14T22:15:00.000Z"}],"question":null,"device":"Desk","proxy":true,"passwordKept":false,"bot":null}}',
    );
  });

  it("says what a force came to, and with which driver an account connects", async () => {
    const { verbs } = fleetOf([]);
    expect(JSON.stringify(await verbs.force({ account: "site-bot" }, owner))).toBe(
      '{"ok":true,"account":"site-bot","forced":"free"}',
    );
    expect(
      JSON.stringify(await verbs.driver({ account: "site-bot", driver: "telegram" }, owner)),
    ).toBe('{"ok":true,"account":"site-bot","driver":"telegram"}');
    await expect(verbs.force({ account: 7 }, owner)).rejects.toMatchObject({
      code: "ACCOUNT_UNKNOWN",
    });
  });
});

describe("a request that lacks a field", () => {
  const conversations = createConversationCommands({
    escalations: { list: async () => [] },
    records: { list: unasked, show: unasked, behind: unasked, duplicates: unasked },
    store: { move: unasked },
    parked: { list: unasked },
    replays: { one: unasked, next: unasked },
  });
  const account = { name: "site-bot", use: unasked } as unknown as Account;
  const holder = createHolderCommands({ accessHash: unasked });

  it("is told that nothing was changed, where it would have changed something", async () => {
    await expect(conversations.park({}, owner)).rejects.toMatchObject({
      code: "COMMAND_MALFORMED",
      message: 'The command needs "session" as a text; nothing was changed.',
      next: 'Send JSON such as {"session": "…"}.',
    });
  });

  it("is told that nothing was sent, where it would have sent something", async () => {
    await expect(
      holder.send(account, { peer: "me", text: "", key: "k" }, owner),
    ).rejects.toMatchObject({
      code: "COMMAND_MALFORMED",
      message: 'The command needs "text"; nothing was sent.',
      next: 'Send JSON such as {"text": "…"}.',
    });
    expect(() => checkedBody("account", "history", { peer: "me", limit: 101 })).toThrow(
      expect.objectContaining({
        code: "COMMAND_MALFORMED",
        next: 'Give "limit" as a whole number from 1 to 100.',
      }),
    );
    await expect(
      holder.invoke(account, { method: "help.getConfig", params: [] }, owner),
    ).rejects.toMatchObject({ message: 'The command needs "params"; nothing was sent.' });
  });
});
