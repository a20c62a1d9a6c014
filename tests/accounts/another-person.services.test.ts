import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sessionOfKey } from "../../src/adapters/telegram/session-blob.ts";
import type { Account } from "../../src/accounts/account.ts";
import type { AccountWorld } from "../../src/accounts/context.ts";
import type { TelegramClient, TelegramClientEvents } from "../../src/ports/telegram/telegram.ts";
import type { PhoneUser } from "../../src/telegram-dc/world/phone/phone-port.ts";
import { type AccountBench, openAccountBench } from "../fixtures/account-bench.ts";
import { createOwner } from "../fixtures/owner.ts";

let bench: AccountBench;
let eve: PhoneUser;
let eveBot: PhoneUser;
/** Whether the other person answers Telegram's questions in place of the account's own. */
let eveAnswers: boolean;
/** What Telegram tells each client that was opened. */
let heard: Pick<TelegramClientEvents, "onServiceMessage">[];

beforeEach(async () => {
  bench = await openAccountBench();
  const { phone } = bench.dc;
  eve = phone.createUser({ firstName: "Eve", username: "eve", phone: "+33199000001" });
  eveBot = phone.createUser({ firstName: "Eve's", username: "eve_bot", bot: true });
  eveAnswers = false;
  heard = [];
});
afterEach(() => bench.close());

const { qrKey, nameOf, authorisationsOf, asked, typeCode, scan, expectOneWorkingKey } = createOwner(
  () => bench,
);

/** The calls by which another person is let in by the way that the account chose. */
function answeredByEve(client: TelegramClient): Partial<TelegramClient> {
  const phone = eve.phone!;
  return {
    requestCode: async (own) =>
      eveAnswers ? { ...(await client.requestCode(phone)), via: "app" } : client.requestCode(own),
    signIn: (login) => client.signIn(eveAnswers ? { ...login, phone } : login),
    signInBot: (token) => client.signInBot(eveAnswers ? eveBot.botToken! : token),
    async acceptLoginToken(token) {
      if (!eveAnswers) return client.acceptLoginToken(token);
      bench.dc.phone.acceptLoginToken("eve", token);
    },
  };
}

type Changed = (client: TelegramClient) => Partial<TelegramClient>;

const withClient =
  (changed: Changed) =>
  (world: AccountWorld): AccountWorld => ({
    ...world,
    drivers: {
      async of(name) {
        const driver = await world.drivers.of(name);
        return {
          name,
          open(options) {
            heard.push(options.events);
            const client = driver.open(options);
            return Object.assign(Object.create(client) as TelegramClient, changed(client));
          },
        };
      },
    },
  });

/** Telegram's service account writes the code that was sent to the other person. */
async function readCode(): Promise<void> {
  const sent = await bench.dc.phone.waitForCode("eve", 5000);
  for (const { onServiceMessage } of heard) onServiceMessage(`Login code: ${sent!.code}`);
}

async function typeEvesCode(account: Account): Promise<void> {
  const { of } = await asked(account, "code");
  const sent = await bench.dc.phone.waitForCode("eve", 5000);
  expect(account.answer(of, "code", sent!.code)).toBe(true);
}

const scanByEve = async (account: Account) => scan(account, await asked(account, "qr"), "eve");

async function made(kind: "user" | "bot", changed: Changed = answeredByEve): Promise<Account> {
  const account = await bench.makeAccount(kind, withClient(changed));
  await account.start();
  return account;
}

async function logIn(account: Account, kind: "user" | "bot", id = "login"): Promise<void> {
  await account.login(id, kind === "bot" ? "bot-token" : "code");
  if (kind === "user") await typeCode(account);
  await account.runtime.until((state) => state === "active");
}

async function serving(kind: "user" | "bot", changed?: Changed): Promise<Account> {
  const account = await made(kind, changed);
  await logIn(account, kind);
  return account;
}

/** The other person's sessions: those of the fleet among them. */
const evesSessions = () =>
  ["eve", "eve_bot"].flatMap((name) => bench.dc.phone.authorisations(name));

const slotStates = async ({ name }: Account) =>
  (await bench.accounts.slots(name)).map(({ state }) => state);

const reasonOf = ({ runtime }: Account) => runtime.snapshot.context.reason;

/** Nothing of the other person is left, and none of them was ever taken for the account. */
async function expectNothingOfEve(account: Account): Promise<void> {
  await expect.poll(() => (bench.clock.advance(1000), evesSessions())).toEqual([]);
  const ids = [String(eve.id), String(eveBot.id)];
  expect(ids).not.toContain(await bench.accounts.telegramUser(account.name));
  expect(JSON.stringify(bench.events)).not.toContain(eve.phone!.replace("+", ""));
}

describe("at a first login (I9)", () => {
  it.each([
    ["code", "user", typeEvesCode],
    ["qr", "user", scanByEve],
    ["bot-token", "bot", async () => {}],
  ] as const)(
    "by %s another person is refused, and the key made for it is logged out",
    async (method, kind, answer) => {
      const account = await made(kind);
      eveAnswers = true;
      await account.login("login", method, qrKey.publicKey);
      await answer(account);
      await account.runtime.until((state) => state === "unauthorised.waiting");
      const seen = kind === "bot" ? eveBot : eve;
      expect(reasonOf(account)).toEqual({
        code: "OTHER_ACCOUNT",
        message: expect.stringContaining(`let user ${seen.id} (@${seen.username}) in`),
      });
      await expectNothingOfEve(account);
      expect(await bench.accounts.find(account.name)).toMatchObject({ servingSlot: null });
      expect(await bench.accounts.telegramUser(account.name)).toBeNull();
      eveAnswers = false;
      await logIn(account, kind, "again");
      await expectOneWorkingKey(account);
      const own = String(bench.dc.phone.user(nameOf(account)).id);
      expect(await bench.accounts.telegramUser(account.name)).toBe(own);
    },
  );

  it("a log-out that Telegram does not take at once is tried again until nothing is left", async () => {
    const account = await made("user");
    const method = "auth.logOut";
    bench.dc.phone.addFault({ kind: "error", method, code: 500, message: "INTERNAL", count: 2 });
    await account.login("login", "qr", qrKey.publicKey);
    await scanByEve(account);
    await account.runtime.until((state) => state === "unauthorised.waiting");
    await expectNothingOfEve(account);
    await expect.poll(() => slotStates(account)).toEqual(["DISCARDED"]);
  });

  it("the database adopts no slot for another user than the account's", async () => {
    const { name } = await bench.makeAccount("user");
    await bench.accounts.learnTelegramUser(name, "5");
    const ref = await bench.accounts.addSlot(name);
    expect(await bench.accounts.adoptFirstSlot(ref, "6")).toBe(false);
    expect(await bench.accounts.find(name)).toMatchObject({ servingSlot: null });
    expect(await bench.accounts.adoptFirstSlot(ref, "5")).toBe(true);
  });

  it("a crash right after another person was let in leaves nothing of them", async () => {
    const account = await bench.makeAccount("user", (world) => ({
      ...world,
      accounts: { ...world.accounts, telegramUser: () => new Promise(() => {}) },
    }));
    await account.start();
    await account.login("login", "qr", qrKey.publicKey);
    await scanByEve(account);
    await expect.poll(() => evesSessions().length).toBe(1);
    account.runtime.abandon();
    await expect.poll(() => bench.dc.ledger.connections({ open: true }).length).toBe(0);
    const again = await bench.reopen(account.name);
    await again.start();
    await expectNothingOfEve(again);
    expect(await bench.accounts.find(account.name)).toMatchObject({ servingSlot: null });
  });
});

describe("at a renewal (I9)", () => {
  it.each([
    ["auto-code", "user", readCode],
    ["code", "user", typeEvesCode],
    ["qr", "user", scanByEve],
    ["handoff", "user", async () => {}],
    ["bot-token", "bot", async () => {}],
  ] as const)(
    "by %s another person is refused, and the old key serves on",
    async (method, kind, answer) => {
      const account = await serving(kind);
      const before = authorisationsOf(account).map(({ authKeyId }) => authKeyId);
      eveAnswers = true;
      await account.renew("r1", method, qrKey.publicKey);
      await answer(account);
      await expect
        .poll(async () => (await bench.accounts.findRenewal("r1"))?.reason)
        .toMatchObject({
          code: "OTHER_ACCOUNT",
          message: expect.stringContaining(`but ${account.name} is user`),
        });
      await account.runtime.until((state) => state === "active");
      await expectNothingOfEve(account);
      expect(authorisationsOf(account).map(({ authKeyId }) => authKeyId)).toEqual(before);
      const steps = (await bench.accounts.renewalSteps("r1")).map(({ step }) => step);
      expect(steps).toEqual(["requested", "key-stored", "aborted"]);
      await expect.poll(() => slotStates(account)).toEqual(["SERVING", "DISCARDED"]);
      await expectOneWorkingKey(account);
    },
  );

  it("whose new key answers as another person after the switch leads back to the old key", async () => {
    let opened = 0;
    const account = await serving("user", (client) => {
      opened += 1;
      // The first login and its connect, then the renewal's login and its connect.
      return opened === 4
        ? { self: async () => ({ ...(await client.self()), userId: String(eve.id) }) }
        : {};
    });
    const [before] = authorisationsOf(account);
    await account.renew("r1", "handoff");
    await expect
      .poll(async () => (await bench.accounts.findRenewal("r1"))?.reason?.code)
      .toBe("OTHER_ACCOUNT");
    await account.runtime.until((state, { context }) => state === "active" && context.slot === 1);
    await expect.poll(() => slotStates(account)).toEqual(["SERVING", "DISCARDED"]);
    await expectOneWorkingKey(account);
    expect(authorisationsOf(account)[0]!.authKeyId).toBe(before!.authKeyId);
  });
});

describe("at a recovery (I9)", () => {
  it.each([
    ["code", typeEvesCode],
    ["qr", scanByEve],
  ] as const)("by %s another person is refused", async (method, answer) => {
    const account = await serving("user");
    const [{ authKeyId } = { authKeyId: "" }] = authorisationsOf(account);
    bench.dc.phone.addFault({ kind: "kill-key", authKeyId });
    await account.use((client) => client.self()).catch(() => undefined);
    await account.runtime.until((state) => state === "quarantined");
    eveAnswers = true;
    await account.login("recovery", method, qrKey.publicKey);
    await answer(account);
    await account.runtime.until((state) => state === "unauthorised.waiting");
    expect(reasonOf(account)).toMatchObject({ code: "OTHER_ACCOUNT" });
    await expectNothingOfEve(account);
    expect(await bench.accounts.find(account.name)).toMatchObject({ servingSlot: null });
    eveAnswers = false;
    await logIn(account, "user", "again");
    await expectOneWorkingKey(account);
  });
});

describe("at an import (I9)", () => {
  it.each(["imported", "kept"] as const)(
    "the session of another person is refused and not logged out: %s",
    async (origin) => {
      const lender = await serving("user");
      const session = await bench.accounts.loadSession({ account: lender.name, slot: 1 });
      await lender.stop();
      const { dcId, key } = JSON.parse(Buffer.from(session!.bytes).toString()) as {
        dcId: number;
        key: string;
      };
      await bench.database.query("update authorisations set key_id = null, session = null");
      await bench.accounts.importSession({
        name: "desk",
        session: sessionOfKey(dcId, Buffer.from(key, "base64")),
        origin,
      });
      await bench.accounts.learnTelegramUser("desk", String(eve.id));
      const account = await bench.reopen("desk");
      await account.start();
      await account.login("login", "import");
      await account.runtime.until((state) => state === "unauthorised.waiting");
      expect(reasonOf(account)).toMatchObject({
        code: "OTHER_ACCOUNT",
        message: expect.stringContaining("It is not used, and it is not logged out"),
      });
      bench.clock.advance(2000);
      expect(await slotStates(account)).toEqual(["PENDING"]);
      expect(authorisationsOf(lender).map(({ authKeyId }) => authKeyId)).toEqual([session!.keyId]);
      expect(await bench.accounts.credentials("desk")).toMatchObject({ phone: null });
    },
  );
});

describe("a key that serves (I9)", () => {
  it("stops serving when it answers as another person, and is kept aside", async () => {
    const account = await serving("user");
    const before = authorisationsOf(account);
    await account.stop();
    await bench.database.query("update accounts set telegram_user_id = $1", [eve.id]);
    const again = await bench.reopen(account.name);
    await again.start();
    await again.runtime.until((state) => state === "quarantined");
    expect(reasonOf(again)).toMatchObject({
      code: "OTHER_ACCOUNT",
      message: expect.stringContaining("Nothing is sent with it any more"),
    });
    await expect.poll(() => slotStates(again)).toEqual(["DEAD"]);
    expect(authorisationsOf(account).map(({ authKeyId }) => authKeyId)).toEqual(
      before.map(({ authKeyId }) => authKeyId),
    );
  });

  it("from before users were stored tells its user at the next connect, once", async () => {
    const account = await serving("user");
    await account.stop();
    await bench.database.query("update accounts set telegram_user_id = null");
    const again = await bench.reopen(account.name);
    await again.start();
    await again.runtime.until((state) => state === "active");
    const own = String(bench.dc.phone.user(nameOf(account)).id);
    expect(await bench.accounts.telegramUser(account.name)).toBe(own);
    expect(await bench.accounts.learnTelegramUser(account.name, "1")).toBe(own);
  });
});
