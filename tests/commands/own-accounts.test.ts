import { describe, expect, it } from "vitest";
import { createConversationCommands } from "../../src/commands/conversation-verbs.ts";
import { createFleetCommands } from "../../src/commands/fleet-verbs.ts";
import type { SessionSummary } from "../../src/ports/conversation/conversation-records.ts";
import type { ParkedItem } from "../../src/ports/conversation/parked-store.ts";
import type { ServingToken } from "../../src/ports/custody/token-store.ts";
import type { Speaker } from "../../src/ports/speaker.ts";
import { itemOf } from "../fixtures/inbound-bench.ts";
import { owner } from "../fixtures/speakers.ts";

const shop: Speaker = { name: "shop", role: "operate", key: "USHOP", accounts: ["shop-bot"] };
const unasked = () => Promise.reject(new Error("not to be asked"));

const sessionOf = (id: string, account: string) => ({ id, account }) as SessionSummary;
const sessions = [
  sessionOf("3", "other-bot"),
  sessionOf("2", "shop-bot"),
  sessionOf("1", "shop-bot"),
];
const behindOf = (account: string) => ({
  channel: "telegram",
  account,
  chatUser: "7",
  waiting: 9,
  since: "2026-11-28T10:00:00.000Z",
});
const parkedOf = (id: string, account: string | null): ParkedItem => ({
  id,
  reason: "poison",
  at: "2026-11-28T12:00:00Z",
  item: account === null ? null : itemOf("1", "hi", account),
});
const parked = [parkedOf("p1", "shop-bot"), parkedOf("p2", "other-bot"), parkedOf("p3", null)];
/** As the store answers it. */
const isOf = (accounts: Speaker["accounts"], { item }: ParkedItem): boolean =>
  accounts === "all" || (item !== null && accounts.includes(item.account));
const heldBy = (account: string, keyId: string) =>
  ({ account, keyId, sinceMs: 0, state: "free" }) as ServingToken;
const tokens = [heldBy("shop-bot", "aa"), heldBy("other-bot", "bb")];

const moved: string[] = [];
const conversations = createConversationCommands({
  escalations: { list: async () => [] },
  records: {
    list: async ({ account, limit }) =>
      sessions.filter((one) => account === undefined || one.account === account).slice(0, limit),
    show: async (id) => {
      const session = sessions.find((one) => one.id === id);
      return session === undefined ? null : { session, turns: [] };
    },
    behind: async ({ accounts }) =>
      [behindOf("shop-bot"), behindOf("other-bot")].filter(
        ({ account }) => accounts === "all" || accounts.includes(account),
      ),
    duplicates: unasked,
  },
  store: {
    move: async (id) => {
      moved.push(id);
      return "escalated";
    },
  },
  parked: { list: async ({ accounts }) => parked.filter((one) => isOf(accounts, one)) },
  replays: {
    one: async (id, accounts) => parked.some((one) => one.id === id && isOf(accounts, one)),
    next: async ({ accounts }) => {
      const found = parked.filter((one) => isOf(accounts, one));
      return { replayed: found.length, left: 0, until: "2026-11-28T12:00:00Z" };
    },
  },
});

const fleet = createFleetCommands({
  incarnation: "i-1",
  accounts: { list: unasked, find: unasked, openRenewal: unasked, chooseDriver: unasked },
  tokens: {
    serving: async ({ keyId } = {}) =>
      tokens.filter((one) => keyId === undefined || one.keyId === keyId),
  },
  waits: { inForce: unasked },
  now: () => 0,
  drivers: { requireInstalled: () => {} },
  force: {} as never,
});

describe("a caller with accounts of its own", () => {
  it("is told of their conversations and their parked messages alone", async () => {
    const listed = await conversations.conversations({}, shop);
    expect(listed.sessions.map(({ id }) => id)).toEqual(["2", "1"]);
    expect(listed.parked.map(({ id }) => id)).toEqual(["p1"]);
    expect(listed.behind.map(({ account }) => account)).toEqual(["shop-bot"]);
    const all = await conversations.conversations({}, owner);
    expect([all.sessions.length, all.parked.length, all.behind.length]).toEqual([3, 3, 2]);
  });

  it("neither reads nor moves a session of another account", async () => {
    const refused = { code: "ACCOUNT_NOT_YOURS" };
    await expect(conversations.conversation({ session: "3" }, shop)).rejects.toMatchObject(refused);
    await expect(conversations.park({ session: "3" }, shop)).rejects.toMatchObject(refused);
    expect(moved).toEqual([]);
    await conversations.park({ session: "2" }, shop);
    expect(moved).toEqual(["2"]);
  });

  it.each(["p2", "p3", "p9"])("takes no message again that is not its own: %s", async (id) => {
    await expect(conversations.replay({ parked: id }, shop)).rejects.toMatchObject({
      code: "PARKED_UNKNOWN",
    });
    await expect(conversations.replay({ parked: "p1" }, shop)).resolves.toMatchObject({ ok: true });
  });

  it("takes all of its own again, and none of another's", async () => {
    await expect(conversations["replay-all"]({}, shop)).resolves.toMatchObject({ replayed: 1 });
  });

  it("is never told that the fleet does not have a key that it has", async () => {
    const { holders } = await fleet.verbs.who({}, shop);
    expect(holders.map(({ account }) => account)).toEqual(["shop-bot"]);
    await expect(fleet.verbs.who({ keyId: "bb" }, shop)).rejects.toMatchObject({
      code: "ACCOUNT_NOT_YOURS",
    });
    await expect(fleet.verbs.who({ keyId: "cc" }, shop)).resolves.toMatchObject({ holders: [] });
  });
});
