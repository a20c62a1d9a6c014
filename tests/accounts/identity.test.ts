import { describe, expect, it } from "vitest";
import type { AccountWorld } from "../../src/accounts/context.ts";
import { otherPerson, refuseStranger } from "../../src/accounts/identity.ts";
import type { Credentials } from "../../src/ports/accounts/account-store.ts";
import type { TelegramSelf } from "../../src/ports/telegram/telegram.ts";

const ada: TelegramSelf = {
  userId: "5000000001",
  isBot: false,
  phone: "+33100000001",
  username: "ada",
  firstName: "Ada",
};
const bot: TelegramSelf = { ...ada, isBot: true, phone: null, username: "ada_bot" };
const byPhone = (phone: string): Credentials => ({ kind: "user", phone });

/** An account whose user is known, or not yet. */
function open(kind: "user" | "bot", known: string | null) {
  let stored = known;
  const accounts: Pick<AccountWorld["accounts"], "telegramUser" | "learnTelegramUser"> = {
    telegramUser: async () => stored,
    learnTelegramUser: async (_account, userId) => (stored ??= userId),
  };
  return { account: "desk", kind, accounts: accounts as AccountWorld["accounts"] };
}

describe("the person of a login (I9)", () => {
  it.each(["+33100000001", "33100000001", "+33 1 00-00 (0001)"])(
    "is the account's own where the phone number is the same, however it is written: %s",
    async (phone) => {
      expect(await otherPerson(open("user", null), byPhone(phone), ada, "made")).toBeNull();
    },
  );

  it.each([
    ["another phone number", { ...ada, phone: "+33100000002" }],
    ["a phone number that Telegram does not tell", { ...ada, phone: null }],
  ])("is another one at a first login with %s", async (_what, self) => {
    const refusal = await otherPerson(open("user", null), byPhone("+33100000001"), self, "made");
    expect(refusal).toMatchObject({ code: "OTHER_ACCOUNT" });
  });

  it("is told by the user id alone once that is known, as people change their numbers", async () => {
    const world = open("user", ada.userId);
    const moved = { ...ada, phone: "+33100000009" };
    expect(await otherPerson(world, byPhone("+33100000001"), moved, "made")).toBeNull();
    const recycled = { ...ada, userId: "5000000002" };
    expect(await otherPerson(world, byPhone("+33100000001"), recycled, "made")).toMatchObject({
      code: "OTHER_ACCOUNT",
    });
  });

  it.each([null, bot.userId])(
    "is another bot where the token names another one, known: %s",
    async (known) => {
      const world = open("bot", known);
      const own: Credentials = { kind: "bot", token: `${bot.userId}:secret` };
      const other: Credentials = { kind: "bot", token: "5000000002:secret" };
      expect(await otherPerson(world, own, bot, "made")).toBeNull();
      expect(await otherPerson(world, other, bot, "made")).toMatchObject({ code: "OTHER_ACCOUNT" });
    },
  );

  it("is no person where a bot answers, and the other way round", async () => {
    const refusal = { code: "OTHER_KIND" };
    expect(await otherPerson(open("user", null), byPhone("1"), bot, "made")).toMatchObject(refusal);
    const token: Credentials = { kind: "bot", token: `${ada.userId}:secret` };
    expect(await otherPerson(open("bot", null), token, ada, "made")).toMatchObject(refusal);
  });
});

describe("the refusal of another person", () => {
  const seen = async (self: Partial<TelegramSelf>) => {
    const own = byPhone("+33100000001");
    const refusal = await otherPerson(open("user", "1"), own, { ...ada, ...self }, "made");
    return refusal?.line ?? "";
  };

  it("names the user by id and username, else by one letter of the name, and never by the number", async () => {
    expect(await seen({})).toContain("user 5000000001 (@ada)");
    expect(await seen({ username: null })).toContain("user 5000000001 (A…)");
    expect(await seen({ username: null, firstName: null })).toContain("user 5000000001 in");
    expect(await seen({})).not.toContain("33100000001");
  });

  it("shows nothing that a name could do to a terminal", async () => {
    const line = await seen({ username: "a\u001B[2K", firstName: "\u001B]0;x" });
    expect(line).toContain("user 5000000001 in");
    expect(line).not.toContain("\u001B");
  });
});

describe("the user of a key that serves", () => {
  it("is learnt once, and another one is refused from then on", async () => {
    const world = open("user", null);
    await refuseStranger(world, ada, null);
    expect(await world.accounts.telegramUser("desk")).toBe(ada.userId);
    await expect(
      refuseStranger(world, { ...ada, userId: "5000000002" }, ada.userId),
    ).rejects.toMatchObject({ code: "OTHER_ACCOUNT" });
  });
});
