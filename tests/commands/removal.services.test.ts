import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Account } from "../../src/accounts/account.ts";
import { createSystemClock } from "../../src/concurrency/system-clock.ts";
import { createRemoval } from "../../src/commands/removal-verbs.ts";
import { type AccountBench, openAccountBench } from "../fixtures/account-bench.ts";

let bench: AccountBench;
let told: string[];
beforeEach(async () => {
  bench = await openAccountBench();
  told = [];
});
afterEach(() => bench.close());

const removal = () =>
  createRemoval({
    accounts: bench.accounts,
    clock: createSystemClock(),
    tellAdded: () => told.push("told"),
    look: async () => void told.push("looked"),
  });

async function serving(): Promise<Account> {
  const account = await bench.makeAccount("bot");
  await account.start();
  await account.login("l1", "bot-token");
  await account.runtime.until((state) => state === "active");
  return account;
}

const loginsOf = ({ name }: Account) => bench.dc.phone.authorisations(name.replaceAll("-", "_"));

describe("the removal of an account", () => {
  it("changes nothing without its name", async () => {
    const account = await serving();
    for (const body of [{}, { confirm: "another" }, { confirm: true }, { keepKeys: true }]) {
      await expect(removal().ofRunning(account, body)).rejects.toMatchObject({
        code: "REMOVE_NOT_CONFIRMED",
        next: expect.stringContaining(account.name),
      });
    }
    expect(account.runtime.state).toBe("active");
    expect(loginsOf(account)).toHaveLength(1);
  });

  it("logs the key out, frees its token, deletes the account and tells every host", async () => {
    const account = await serving();
    expect(await removal().ofRunning(account, { confirm: account.name })).toEqual({
      ok: true,
      account: account.name,
      keysLoggedOut: true,
    });
    expect(account.runtime.state).toBe("stopped");
    expect(loginsOf(account)).toEqual([]);
    expect(await bench.accounts.find(account.name)).toBeNull();
    expect(await bench.tokens.heldBy(bench.incarnation)).toEqual([]);
    expect(bench.dc.ledger.connections({ open: true })).toEqual([]);
    expect(told).toEqual(["told", "looked", "told", "looked"]);
  });

  it("leaves the login at Telegram as it is where a person says so", async () => {
    const account = await serving();
    const body = { confirm: account.name, keepKeys: true };
    expect(await removal().ofRunning(account, body)).toMatchObject({ keysLoggedOut: false });
    expect(loginsOf(account)).toHaveLength(1);
    expect(await bench.accounts.find(account.name)).toBeNull();
  });

  it("of an account that never logged in needs no Telegram", async () => {
    const account = await bench.makeAccount("bot");
    await account.start();
    expect(await removal().ofRunning(account, { confirm: account.name })).toMatchObject({
      keysLoggedOut: false,
    });
    expect(await bench.accounts.find(account.name)).toBeNull();
  });

  it("ends a login that waits for its code, and leaves no key behind", async () => {
    const account = await bench.makeAccount("user");
    await account.start();
    await account.login("l1", "code");
    await expect.poll(() => account.question?.kind, { interval: 2 }).toBe("code");
    await removal().ofRunning(account, { confirm: account.name });
    expect(account.runtime.state).toBe("stopped");
    expect(account.question).toBeNull();
    expect(loginsOf(account)).toEqual([]);
    expect(await bench.accounts.find(account.name)).toBeNull();
    expect(await bench.tokens.heldBy(bench.incarnation)).toEqual([]);
    expect(bench.dc.ledger.connections({ open: true })).toEqual([]);
  });

  it("of a stopped account asks for its start, or for the word that its login may stay", async () => {
    const account = await serving();
    const { name } = account;
    await bench.accounts.want(name, "stop");
    await account.stop();
    const record = (await bench.accounts.find(name))!;
    await expect(removal().ofAbsent(record, { confirm: name })).rejects.toMatchObject({
      code: "REMOVE_NOT_LOGGED_OUT",
      next: expect.stringContaining(`npx holdfast resume ${name}`),
    });
    expect(await bench.accounts.find(name)).not.toBeNull();
    await removal().ofAbsent(record, { confirm: name, keepKeys: true });
    expect(await bench.accounts.find(name)).toBeNull();
  });
});
