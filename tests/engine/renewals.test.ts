import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LoginMethod, RenewalMethod } from "../../machines/lifecycle.ts";
import { sessionOfKey } from "../../src/adapters/telegram/session-blob.ts";
import type { Account } from "../../src/engine/account.ts";
import type { Question } from "../../src/ports/question.ts";
import { type AccountBench, openAccountBench } from "../support/account-bench.ts";

let bench: AccountBench;
beforeEach(async () => {
  bench = await openAccountBench();
});
afterEach(() => bench.close());

const nameOf = (account: Account) => account.name.replaceAll("-", "_");
const authorisationsOf = (account: Account) => bench.dc.phone.authorisations(nameOf(account));

async function asked<Kind extends Question["kind"]>(account: Account, kind: Kind) {
  await expect.poll(() => account.question?.kind, { interval: 2 }).toBe(kind);
  return account.question as Extract<Question, { kind: Kind }>;
}

/** A person who reads the newest code, wherever it was sent, and types it. */
async function typeCode(account: Account): Promise<void> {
  const { of } = await asked(account, "code");
  const sent = await bench.dc.phone.waitForCode(nameOf(account), 5000);
  expect(account.answer(of, "code", sent!.code)).toBe(true);
}

async function scan(account: Account, { url }: { readonly url: string }): Promise<void> {
  const token = Buffer.from(new URL(url).searchParams.get("token")!, "base64url");
  bench.dc.phone.acceptLoginToken(nameOf(account), token);
}

async function serving(
  kind: "user" | "bot",
  { method, password }: { method?: LoginMethod; password?: string } = {},
): Promise<Account> {
  const account = await bench.makeAccount(kind, (world) => world, password);
  await account.start();
  await account.login("login", method ?? (kind === "bot" ? "bot-token" : "code"));
  if (kind === "user" && method !== "qr") await typeCode(account);
  if (method === "qr") await scan(account, await asked(account, "qr"));
  if (password !== undefined) {
    const { of } = await asked(account, "password");
    account.answer(of, "password", password);
  }
  await account.runtime.until((state) => state === "active");
  return account;
}

const renewed = (account: Account, slot = 2) =>
  account.runtime.until((state, { context }) => state === "active" && context.slot === slot);

const aborted = (account: Account) =>
  account.runtime.until(
    (state, { context }) => state === "active" && context.reason !== null && context.slot === 1,
  );

async function expectOneWorkingKey(account: Account): Promise<void> {
  await expect.poll(() => authorisationsOf(account).length).toBe(1);
  expect((await account.use((client) => client.self())).userId).toBe(
    String(bench.dc.phone.user(nameOf(account)).id),
  );
  expect(bench.dc.ledger.overlaps()["any-two-connections"]).toBe(0);
}

describe("a renewal", () => {
  it.each<[RenewalMethod, "user" | "bot", (account: Account) => Promise<void>]>([
    ["auto-code", "user", async () => {}],
    ["code", "user", typeCode],
    ["qr", "user", async (account) => scan(account, await asked(account, "qr"))],
    ["handoff", "user", async () => {}],
    ["bot-token", "bot", async () => {}],
  ])(
    "by %s moves the account to a fresh key and logs the old one out",
    async (method, kind, person) => {
      const account = await serving(kind);
      const [before] = authorisationsOf(account);
      await account.renew("r1", method);
      await person(account);
      await renewed(account);
      await expectOneWorkingKey(account);
      const [after] = authorisationsOf(account);
      expect(after!.authKeyId).not.toBe(before!.authKeyId);
      expect(after!.deviceModel).toBe(before!.deviceModel);
      await expect
        .poll(async () => (await bench.accounts.renewalSteps("r1")).map(({ step }) => step))
        .toEqual([
          "requested",
          "key-stored",
          "authorised",
          "drained",
          "verified-idle",
          "switched",
          "verified",
          "retired",
        ]);
    },
  );

  it("asks for the 2FA password, and takes the one that is kept", async () => {
    const account = await serving("user", { password: "s3cret" });
    await account.renew("r1", "handoff");
    const { of } = await asked(account, "password");
    account.answer(of, "password", "wrong");
    await expect.poll(() => account.question, { interval: 2 }).toMatchObject({ triesLeft: 2 });
    account.answer(of, "password", "s3cret");
    await renewed(account);
    await bench.accounts.keepPassword(account.name, "s3cret");
    await account.renew("r2", "auto-code");
    await renewed(account, 3);
    expect(account.question).toBeNull();
    await expectOneWorkingKey(account);
  });

  it("is aborted by a password that is wrong three times, and by a code that is", async () => {
    const account = await serving("user", { password: "s3cret" });
    await account.renew("r1", "handoff");
    for (const triesLeft of [3, 2, 1]) {
      await expect.poll(() => account.question, { interval: 2 }).toMatchObject({ triesLeft });
      account.answer("r1", "password", "wrong");
    }
    await aborted(account);
    expect(account.runtime.snapshot.context.reason).toMatchObject({
      code: "PASSWORD_HASH_INVALID",
      message: expect.stringContaining("wrong too often"),
    });
    await account.renew("r2", "code");
    for (const triesLeft of [3, 2, 1]) {
      await expect.poll(() => account.question, { interval: 2 }).toMatchObject({ triesLeft });
      account.answer("r2", "code", "00000x");
    }
    await expect
      .poll(async () => (await bench.accounts.findRenewal("r2"))?.reason?.code)
      .toMatch(/PHONE_CODE_(?:INVALID|EXPIRED)/);
    await expectOneWorkingKey(account);
  });

  it("that nobody answers costs no downtime: the old key serves all along", async () => {
    const account = await serving("user");
    const [before] = authorisationsOf(account);
    const connections = bench.dc.ledger
      .connections({ open: true })
      .filter(({ authKeyId }) => authKeyId === before!.authKeyId);
    await account.renew("r1", "code");
    await asked(account, "code");
    expect((await account.use((client) => client.self())).isBot).toBe(false);
    bench.clock.advance(600_000);
    await aborted(account);
    expect(account.runtime.snapshot.context.reason).toMatchObject({ code: "BOUND_PREPARING" });
    const same = bench.dc.ledger
      .connections({ open: true })
      .filter(({ authKeyId }) => authKeyId === before!.authKeyId);
    expect(same.map(({ id }) => id)).toEqual(connections.map(({ id }) => id));
    await expectOneWorkingKey(account);
  });

  it.each([
    [406, "PHONE_PASSWORD_FLOOD", "auth.sendCode"],
    [420, "FLOOD_WAIT_259", "auth.sendCode"],
    [400, "PHONE_NUMBER_BANNED", "auth.sendCode"],
    [500, "AUTH_RESTART", "auth.sendCode"],
  ])(
    "that Telegram answers with %i %s is aborted with that reason",
    async (code, message, method) => {
      const account = await serving("user");
      bench.dc.phone.addFault({ kind: "error", method, code, message, count: 1 });
      await account.renew("r1", "auto-code");
      await aborted(account);
      const { reason } = account.runtime.snapshot.context;
      expect(message).toContain(reason!.code);
      expect(await bench.accounts.findRenewal("r1")).toMatchObject({ state: "aborted", reason });
      await expectOneWorkingKey(account);
    },
  );

  it("asked for twice at once is one renewal, whoever asked", async () => {
    const account = await serving("bot");
    const answers = await Promise.all([
      account.renew("r1", "auto"),
      account.renew("r2", "auto"),
      account.renew("r1", "auto"),
    ]);
    expect(answers.every((answer) => answer.accepted && answer.renewal === "r1")).toBe(true);
    await renewed(account);
    expect(await account.renew("r1", "auto")).toMatchObject({ renewal: "r1", known: true });
    expect(account.runtime.snapshot.context.slot).toBe(2);
  });

  it("begins by itself, once, when Telegram warns that it may end the key", async () => {
    let warn = () => {};
    const account = await bench.makeAccount("bot", (world) => ({
      ...world,
      drivers: {
        async of(name) {
          const driver = await world.drivers.of(name);
          return {
            name,
            open(options) {
              const client = driver.open(options);
              warn = () => options.events.onDyingKey("AUTH_KEY_DROP_DUPLICATE");
              return client;
            },
          };
        },
      },
    }));
    await account.start();
    await account.login("login", "bot-token");
    await account.runtime.until((state) => state === "active");
    const warnFirst = warn;
    warnFirst();
    warnFirst();
    await renewed(account);
    warnFirst();
    await expectOneWorkingKey(account);
    expect(account.runtime.snapshot.context.slot).toBe(2);
    expect(bench.events).toContainEqual(expect.objectContaining({ code: "KEY_DYING" }));
  });

  it("refuses a way that the account's kind does not have", async () => {
    const account = await serving("bot");
    await expect(account.renew("r1", "qr")).rejects.toMatchObject({ code: "METHOD_UNFIT" });
  });
});

describe("a login", () => {
  it("by QR shows a code that is replaced when it has expired", async () => {
    const account = await bench.makeAccount("user");
    await account.start();
    await account.login("login", "qr");
    const first = await asked(account, "qr");
    expect(first.url).toMatch(/^tg:\/\/login\?token=[\w-]+$/);
    const exports = () =>
      Object.values(bench.dc.ledger.rpcCounts()["auth.exportLoginToken"] ?? {})[0] ?? 0;
    expect(exports()).toBe(1);
    bench.clock.advance(first.expiresAtMs - bench.clock.now());
    await expect.poll(exports, { interval: 2 }).toBe(2);
    await scan(account, await asked(account, "qr"));
    await account.runtime.until((state) => state === "active");
    await expectOneWorkingKey(account);
  });

  it("that nobody answers ends by itself and leaves no authorisation behind", async () => {
    const account = await bench.makeAccount("user");
    await account.start();
    await account.login("login", "code");
    await asked(account, "code");
    bench.clock.advance(600_000);
    await account.runtime.until((state) => state === "unauthorised.waiting");
    expect(account.runtime.snapshot.context.reason).toMatchObject({ code: "BOUND_AUTHORISING" });
    await expect
      .poll(async () => (await bench.accounts.slots(account.name)).map(({ state }) => state))
      .toEqual(["DISCARDED"]);
    expect(authorisationsOf(account)).toEqual([]);
  });

  it("that died after Telegram had let it in leaves no authorisation behind", async () => {
    const account = await bench.makeAccount("bot", (world) => ({
      ...world,
      accounts: { ...world.accounts, adoptFirstSlot: () => new Promise(() => {}) },
    }));
    await account.start();
    await account.login("login", "bot-token");
    await expect.poll(() => authorisationsOf(account).length).toBe(1);
    await expect.poll(() => bench.dc.ledger.connections({ open: true }).length).toBe(0);
    account.runtime.abandon();
    const again = await bench.reopen(account.name);
    await again.start();
    await expect.poll(() => authorisationsOf(account).length).toBe(0);
    expect(again.runtime.state).toBe("unauthorised.waiting");
  });
});

describe("an import", () => {
  /** What another program has: a key that is logged in, and its data centre. */
  async function foreign(name: string) {
    const other = await serving("user");
    const session = await bench.accounts.loadSession({ account: other.name, slot: 1 });
    await other.stop();
    const { dcId, key } = JSON.parse(Buffer.from(session!.bytes).toString()) as {
      dcId: number;
      key: string;
    };
    await bench.database.query("update authorisations set key_id = null, session = null");
    await bench.accounts.importSession({
      name,
      session: sessionOfKey(dcId, Buffer.from(key, "base64")),
      origin: "imported",
    });
    return { other, keyId: session!.keyId };
  }

  it("connects once, learns whose session it is, and moves to a fresh key", async () => {
    const { other, keyId } = await foreign("desk");
    const account = await bench.reopen("desk");
    await account.start();
    await account.login("login", "import");
    await account.runtime.until((state) => state === "active");
    expect(await bench.accounts.credentials("desk")).toMatchObject({
      phone: `+${bench.dc.phone.user(nameOf(other)).phone}`,
    });
    expect(authorisationsOf(other).map(({ authKeyId }) => authKeyId)).toEqual([keyId]);
    await account.renew("fresh", "handoff");
    await renewed(account);
    await expect.poll(() => authorisationsOf(other).length).toBe(1);
    expect(authorisationsOf(other)[0]!.authKeyId).not.toBe(keyId);
    expect(bench.dc.ledger.overlaps()["any-two-connections"]).toBe(0);
  });

  it("is not ended by whatever tidies up before it was used", async () => {
    const { other } = await foreign("desk");
    const account = await bench.reopen("desk");
    await account.start();
    await account.login("login", "code");
    await expect.poll(() => account.runtime.snapshot.context.reason?.code).toBe("PHONE_UNKNOWN");
    expect(authorisationsOf(other)).toHaveLength(1);
    expect((await bench.accounts.slots("desk"))[0]).toMatchObject({ state: "PENDING" });
  });
});

describe("what a person wants", () => {
  it("outlives the process: a paused account stays paused until it is resumed", async () => {
    const account = await serving("bot");
    await bench.accounts.want(account.name, "pause");
    await account.pause();
    await account.stop();
    const again = await bench.reopen(account.name);
    await again.start();
    await again.runtime.until((state) => state === "paused");
    await expect(again.use((client) => client.self())).rejects.toMatchObject({
      code: "ACCOUNT_BUSY",
    });
    await again.resume();
    expect(again.runtime.state).toBe("active");
  });

  it("is a logout: the session ends at Telegram, and the account waits for a login", async () => {
    const account = await serving("bot");
    await account.logout();
    await account.runtime.until((state) => state === "unauthorised.waiting");
    await expect.poll(() => authorisationsOf(account).length).toBe(0);
    expect(await bench.accounts.find(account.name)).toMatchObject({ servingSlot: null });
    expect(bench.dc.ledger.overlaps()["any-two-connections"]).toBe(0);
  });

  it("is a forced stop: what is in flight is cut", async () => {
    const account = await serving("bot");
    bench.dc.phone.addFault({ kind: "drop-answer", method: "help.getConfig", when: "before" });
    const call = account.use((client) => client.invoke("help.getConfig", {}));
    call.catch(() => undefined);
    await account.stop(true);
    await expect(call).rejects.toMatchObject({ fault: { kind: "unknown" } });
    expect(bench.dc.ledger.connections({ open: true })).toEqual([]);
  });
});

describe("a flood wait", () => {
  it("goes on exactly as long as Telegram said, also in the next process", async () => {
    const account = await serving("bot");
    await bench.accounts.cool(account.name, bench.clock.now() + 259_000);
    await account.stop();
    const again = await bench.reopen(account.name);
    await again.start();
    await again.runtime.until((state) => state === "cooling");
    expect(again.coolingUntilMs).toBe(bench.clock.now() + 259_000);
    // What does not send is served meanwhile.
    const self = await again.use((client) => client.self(), { sends: false });
    expect(self.isBot).toBe(true);
    await expect(again.use((client) => client.self())).rejects.toThrow(
      /until .* as Telegram asked/,
    );
    bench.clock.advance(258_000);
    expect(again.runtime.state).toBe("cooling");
    bench.clock.advance(1_000);
    await again.runtime.until((state) => state === "active");
  });
});
