import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AccountBench, openAccountBench } from "../fixtures/account-bench.ts";

let bench: AccountBench;
beforeEach(async () => {
  bench = await openAccountBench();
});
afterEach(() => bench.close());

const states = () =>
  bench.events.flatMap((event) => (event.type === "transition" ? [event.to] : []));

describe("an account on real protocols", () => {
  it("logs a bot in and serves under the first epoch", async () => {
    const account = await bench.makeAccount("bot");
    await account.start();
    await account.login("l1", "bot-token");
    await account.runtime.until((state) => state === "active");
    expect(account.grant).toMatchObject({ slot: 1 });
    expect(await bench.tokens.read({ account: account.name, slot: 1 })).toMatchObject({
      state: "connected",
    });
    expect(bench.dc.ledger.connections({ open: true })).toHaveLength(1);
  });

  it("renews a bot without an overlap and retires the old slot", async () => {
    const account = await bench.makeAccount("bot");
    await account.start();
    await account.login("l1", "bot-token");
    await account.runtime.until((state) => state === "active");
    await account.renew("r1", "auto");
    await account.runtime.until((state, { context }) => state === "active" && context.slot === 2);
    await expect
      .poll(async () => (await bench.accounts.slots(account.name)).map(({ state }) => state))
      .toEqual(["RETIRED", "SERVING"]);
    expect(states().slice(-6)).toEqual([
      "active.preparing",
      "draining",
      "verified-idle",
      "renewing",
      "restarting",
      "active",
    ]);
    expect(bench.dc.ledger.overlaps()["any-two-connections"]).toBe(0);
    expect(await bench.accounts.findRenewal("r1")).toMatchObject({ state: "done" });
  });

  it("renews a user account with the code that its own session receives", async () => {
    const account = await bench.makeAccount("user");
    await account.start();
    await account.login("l1", "code");
    const user = account.name.replaceAll("-", "_");
    const code = await bench.dc.phone.waitForCode(user, 5000);
    await expect.poll(() => account.question).toMatchObject({ of: "l1", kind: "code", via: "sms" });
    expect(account.answer("another", "code", code!.code)).toBe(false);
    expect(account.answer("l1", "code", code!.code)).toBe(true);
    await account.runtime.until((state) => state === "active");
    await account.renew("r1", "auto");
    await account.runtime.until((state, { context }) => state === "active" && context.slot === 2);
    await expect.poll(() => bench.dc.phone.authorisations(user).length).toBe(1);
    expect(bench.dc.ledger.overlaps()["any-two-connections"]).toBe(0);
    expect(bench.appended).toEqual([]);
  });

  it("stops with every socket closed and every token free", async () => {
    const account = await bench.makeAccount("bot");
    await account.start();
    await account.login("l1", "bot-token");
    await account.runtime.until((state) => state === "active");
    await account.stop();
    expect(bench.dc.ledger.connections({ open: true })).toEqual([]);
    expect(await bench.tokens.heldBy(bench.incarnation)).toEqual([]);
  });

  it("quarantines an account whose stored session is broken, and dials nothing", async () => {
    const account = await bench.makeAccount("bot");
    const ref = await bench.accounts.addSlot(account.name);
    await bench.database.query(
      "update authorisations set key_id = 'aa', session = 'broken' where account = $1",
      [account.name],
    );
    await bench.accounts.adoptFirstSlot(ref, "1");
    const again = await bench.reopen(account.name);
    await again.start();
    await again.runtime.until((state) => state === "quarantined");
    expect(again.runtime.snapshot.context.reason).toMatchObject({ code: "SESSION_BLOB_BROKEN" });
    expect(bench.dc.ledger.connections()).toEqual([]);
  });
});
