import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RenewalMethod } from "../../../machines/lifecycle.ts";
import type { Account } from "../../../src/accounts/account.ts";
import { type AccountBench, openAccountBench } from "../../fixtures/account-bench.ts";
import { createOwner } from "../../fixtures/owner.ts";

let bench: AccountBench;
beforeEach(async () => {
  bench = await openAccountBench();
});
afterEach(() => bench.close());

const {
  qrKey,
  nameOf,
  authorisationsOf,
  asked,
  typeCode,
  scan,
  serving,
  renewed,
  aborted,
  expectOneWorkingKey,
} = createOwner(() => bench);

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
      await account.renew("r1", method, qrKey.publicKey);
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

  it.each([
    ["email-setup", "EMAIL_SETUP_REQUIRED"],
    ["flash-call", "CODE_WAY_UNKNOWN"],
  ] as const)("whose code comes as %s is aborted with the reason %s", async (codeWay, code) => {
    const account = await serving("user");
    bench.dc.phone.sendCodesBy(nameOf(account), codeWay);
    await account.renew("r1", "code");
    await aborted(account);
    expect(account.runtime.snapshot.context.reason).toMatchObject({ code });
    await expectOneWorkingKey(account);
  });

  it("asked for twice at once is one renewal, whoever asked", async () => {
    const account = await serving("bot");
    const answers = await Promise.all([
      account.renew("r1", "auto"),
      account.renew("r2", "auto"),
      account.renew("r1", "auto"),
    ]);
    // Whichever was recorded first: all are told of that one.
    const renewals = answers.map((answer) => (answer.accepted ? answer.renewal : null));
    const [id] = renewals;
    expect(["r1", "r2"]).toContain(id);
    expect(renewals).toEqual([id, id, id]);
    await renewed(account);
    expect(await account.renew(id!, "auto")).toMatchObject({ renewal: id, known: true });
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

  it("by a bot's token is refused to a user, with the methods that fit", async () => {
    const account = await serving("user");
    await expect(account.renew("r1", "bot-token")).rejects.toMatchObject({
      code: "METHOD_UNFIT",
      next: "Use --method auto-code, code, qr or handoff, or auto.",
    });
  });
});
