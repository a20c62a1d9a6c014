import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Account } from "../../../src/accounts/account.ts";
import type { AccountWorld } from "../../../src/accounts/context.ts";
import { HoldfastError } from "../../../src/errors.ts";
import type { AccountStores } from "../../../src/ports/accounts/account-store.ts";
import { type AccountBench, openAccountBench } from "../../fixtures/account-bench.ts";
import { deferred } from "../../fixtures/deferred.ts";
import { createOwner } from "../../fixtures/owner.ts";

let bench: AccountBench;
beforeEach(async () => {
  bench = await openAccountBench();
});
afterEach(() => bench.close());

const { authorisationsOf, typeCode, renewed, expectOneWorkingKey } = createOwner(() => bench);

const withAccounts =
  (change: (accounts: AccountStores) => Partial<AccountStores>) =>
  (world: AccountWorld): AccountWorld => ({
    ...world,
    accounts: { ...world.accounts, ...change(world.accounts) },
  });

async function logIn(account: Account, kind: "user" | "bot"): Promise<void> {
  await account.start();
  await account.login("login", kind === "bot" ? "bot-token" : "code");
  if (kind === "user") await typeCode(account);
  await account.runtime.until((state) => state === "active");
}

async function serving(
  kind: "user" | "bot",
  change: (accounts: AccountStores) => Partial<AccountStores>,
): Promise<Account> {
  const account = await bench.makeAccount(kind, withAccounts(change));
  await logIn(account, kind);
  return account;
}

/** The database is away for a moment. */
const away = () =>
  new HoldfastError({
    code: "DATABASE_UNAVAILABLE",
    message: "away for a moment",
    policy: "retryable",
  });

const slotStates = async ({ name }: Account) =>
  (await bench.accounts.slots(name)).map(({ state }) => state);

const stepsOf = async (renewal: string) =>
  (await bench.accounts.renewalSteps(renewal)).map(({ step }) => step);

const renewalState = async (id: string) => (await bench.accounts.findRenewal(id))?.state;

/** Each failure that is tried again rests for as long as this, in milliseconds. */
async function letRetry(...restsMs: readonly number[]): Promise<void> {
  for (const [index, restMs] of restsMs.entries()) {
    const notes = () =>
      bench.events.filter((event) => event.type === "note" && event.code === "WILL_TRY_AGAIN");
    await expect.poll(() => notes().length, { timeout: 20_000 }).toBe(index + 1);
    bench.clock.advance(restMs);
  }
}

const bounds = () =>
  bench.events.filter((event) => event.type === "transition" && event.event === "bound.passed");

/** Time passes until it is so, where no bound runs. */
const inTime = <Value>(read: () => Value | Promise<Value>) =>
  expect.poll(
    () => {
      bench.clock.advance(500);
      return read();
    },
    { timeout: 20_000, interval: 10 },
  );

const kill = (authKeyId: string) =>
  bench.dc.phone.addFault({ kind: "kill-key", authKeyId, reason: "duplicated" });

describe("a drain", () => {
  it("waits for a database that is away, with every connection closed only after it", async () => {
    let failures = 2;
    const account = await bench.makeAccount("bot", (world) => ({
      ...world,
      tokens: {
        ...world.tokens,
        async drain(grant) {
          failures -= 1;
          if (failures >= 0) throw away();
          return world.tokens.drain(grant);
        },
      },
    }));
    await logIn(account, "bot");
    const stopped = account.stop();
    await letRetry(1000, 2000);
    await stopped;
    expect(bench.dc.ledger.connections({ open: true })).toEqual([]);
    const causes = bench.events.map((event) => event.type === "transition" && event.event);
    expect(causes).toContain("drained");
    expect(causes).not.toContain("drain.failed");
  });
});

describe("a key that dies while another one is logged in (I2)", () => {
  it("just after the new one was authorised, is a switch: the account serves on and nothing is lost", async () => {
    const prepared = deferred();
    const goOn = deferred();
    const account = await serving("user", (accounts) => ({
      async recordPrepared(id, slot) {
        await accounts.recordPrepared(id, slot);
        prepared.resolve();
        await goOn.promise;
      },
    }));
    const [old] = authorisationsOf(account);
    await account.renew("r1", "auto-code");
    await prepared.promise;
    kill(old!.authKeyId);
    await account.use((client) => client.self()).catch(() => undefined);
    await account.runtime.until((state) => state === "burying");
    goOn.resolve();
    await renewed(account);
    await expectOneWorkingKey(account);
    await inTime(() => renewalState("r1")).toBe("done");
    expect(await slotStates(account)).toEqual(["DEAD", "SERVING"]);
    expect(await stepsOf("r1")).toEqual([
      "requested",
      "key-stored",
      "authorised",
      "switched",
      "verified",
    ]);
    expect(bench.events).toContainEqual(expect.objectContaining({ code: "KEY_REPLACED" }));
  });

  it("while the renewal returns to the old one, marks its own slot alone", async () => {
    const goOn = deferred();
    const aborting = deferred();
    const account = await serving("user", (accounts) => ({
      async recordTransition(change) {
        if (change.to === "aborting") {
          aborting.resolve();
          await goOn.promise;
        }
        return accounts.recordTransition(change);
      },
    }));
    const [old] = authorisationsOf(account);
    // Nothing serves before its user is known; the login asks for it as well.
    const method = "users.getUsers";
    bench.dc.phone.addFault({ kind: "delay", method, delayMs: 900, when: "before", count: 9 });
    await account.renew("r1", "handoff");
    await account.runtime.until((state) => state === "restarting");
    const isUnderWay = () =>
      bench.dc.ledger.rpcs().some((rpc) => rpc.method === method && rpc.answeredAtMs === undefined);
    await expect.poll(isUnderWay, { timeout: 10_000, interval: 5 }).toBe(true);
    const fresh = authorisationsOf(account).find(({ authKeyId }) => authKeyId !== old!.authKeyId);
    bench.clock.advance(20_000);
    await aborting.promise;
    bench.dc.phone.addFault({ kind: "kill-key", authKeyId: fresh!.authKeyId, reason: "revoked" });
    await expect
      .poll(
        () =>
          bench.dc.ledger
            .connections({ open: true })
            .some(({ authKeyId }) => authKeyId === fresh!.authKeyId),
        { timeout: 10_000 },
      )
      .toBe(false);
    goOn.resolve();
    await account.runtime.until((state) => state === "active");
    expect(account.runtime.snapshot.context.slot).toBe(1);
    await inTime(() => slotStates(account)).toEqual(["SERVING", "DISCARDED"]);
    expect(authorisationsOf(account).map(({ authKeyId }) => authKeyId)).toEqual([old!.authKeyId]);
  });

  it("right after a renewal, before the old one is logged out, leads to the old one", async () => {
    const account = await serving("bot", () => ({}));
    bench.dc.phone.addFault({
      kind: "error",
      method: "auth.logOut",
      code: 500,
      message: "INTERNAL",
    });
    const [old] = authorisationsOf(account);
    await account.renew("r1", "auto");
    await renewed(account);
    await inTime(() => renewalState("r1")).toBe("done");
    const fresh = authorisationsOf(account).find(({ authKeyId }) => authKeyId !== old!.authKeyId);
    kill(fresh!.authKeyId);
    await account.use((client) => client.self()).catch(() => undefined);
    await renewed(account, 1);
    expect(await slotStates(account)).toEqual(["SERVING", "DEAD"]);
    await expectOneWorkingKey(account);
  });

  it("as the last one is quarantined, whatever a logout has left behind", async () => {
    const account = await serving("bot", () => ({}));
    bench.dc.phone.addFault({
      kind: "error",
      method: "auth.logOut",
      code: 500,
      message: "INTERNAL",
    });
    await account.logout();
    await account.runtime.until((state) => state === "unauthorised.waiting");
    await account.login("again", "bot-token");
    await account.runtime.until((state) => state === "active");
    const { slot } = account.grant!;
    const keyId = (await bench.accounts.slots(account.name)).find(
      (one) => one.slot === slot,
    )?.keyId;
    kill(keyId!);
    await account.use((client) => client.self()).catch(() => undefined);
    await account.runtime.until((state) => state === "quarantined");
    expect(await slotStates(account)).toEqual(["RETIRING", "DEAD"]);
  });
});

describe("a record of a renewal", () => {
  it("that the database does not take is written later, and the old key is logged out then", async () => {
    let fails = 3;
    const account = await serving("bot", (accounts) => ({
      async finishRenewal(id) {
        fails -= 1;
        if (fails >= 0) throw away();
        return accounts.finishRenewal(id);
      },
    }));
    await account.renew("r1", "auto");
    await renewed(account);
    await inTime(() => renewalState("r1")).toBe("done");
    await inTime(() => authorisationsOf(account).length).toBe(1);
    await account.renew("r2", "auto");
    await renewed(account, 3);
    await inTime(() => renewalState("r2")).toBe("done");
  });

  it("that its process never wrote is completed by the next one, on the new key", async () => {
    const account = await serving("bot", () => ({
      finishRenewal: () => Promise.reject(away()),
    }));
    await account.renew("r1", "auto");
    await renewed(account);
    await account.stop();
    expect(await renewalState("r1")).toBe("switched");
    const again = await bench.reopen(account.name);
    await again.start();
    await again.runtime.until((state) => state === "active");
    expect(again.runtime.snapshot.context.slot).toBe(2);
    await inTime(() => renewalState("r1")).toBe("done");
    await inTime(() => slotStates(again)).toEqual(["RETIRED", "SERVING"]);
    expect((await stepsOf("r1")).slice(-3)).toEqual(["switched", "verified", "retired"]);
    await expectOneWorkingKey(again);
  });

  it("of an abort is tried again within the state, and the old key never stops serving", async () => {
    let fails = 2;
    const account = await serving("user", (accounts) => ({
      async abortRenewal(id, reason) {
        fails -= 1;
        if (fails >= 0) throw away();
        return accounts.abortRenewal(id, reason);
      },
    }));
    const method = "auth.sendCode";
    bench.dc.phone.addFault({
      kind: "error",
      method,
      code: 400,
      message: "PHONE_NUMBER_BANNED",
      count: 1,
    });
    await account.renew("r1", "auto-code");
    await account.runtime.until((state) => state === "aborting");
    await letRetry(1000, 2000);
    await account.runtime.until((state) => state === "active");
    expect(await renewalState("r1")).toBe("aborted");
    expect(bounds()).toEqual([]);
    await expectOneWorkingKey(account);
  });

  it("of a dead key is tried again until it is written", async () => {
    let fails = 3;
    const account = await serving("bot", (accounts) => ({
      async bury(ref, reason) {
        fails -= 1;
        if (fails >= 0) throw away();
        return accounts.bury(ref, reason);
      },
    }));
    kill(authorisationsOf(account)[0]!.authKeyId);
    await account.use((client) => client.self()).catch(() => undefined);
    await letRetry(1000, 2000, 4000);
    await account.runtime.until((state) => state === "quarantined");
    expect(await slotStates(account)).toEqual(["DEAD"]);
    expect(bounds()).toEqual([]);
  });
});
