import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AccountBench, openAccountBench } from "../../fixtures/account-bench.ts";
import { createOwner } from "../../fixtures/owner.ts";

let bench: AccountBench;
beforeEach(async () => {
  bench = await openAccountBench();
});
afterEach(() => bench.close());

const { aborted, authorisationsOf, serving } = createOwner(() => bench);

const calls = (method: string): number =>
  Object.values(bench.dc.ledger.rpcCounts()[method] ?? {}).reduce((sum, n) => sum + n, 0);
const dials = (): number => bench.dc.ledger.summary().connectionsTotal;
/** Longer than anything takes on a busy machine. */
const soon = <Value>(read: () => Value) => expect.poll(read, { interval: 5, timeout: 20_000 });
const flooded = (method: string, seconds: number) =>
  bench.dc.phone.addFault({ kind: "flood", method, seconds, count: 1 });

describe("a flood wait for codes", () => {
  it("refuses the next login, on any host, with the rest of the wait, and nothing is dialled", async () => {
    const account = await bench.makeAccount("user");
    await account.start();
    flooded("auth.sendCode", 86_400);
    await account.login("l1", "code");
    await account.runtime.until(
      (state, { context }) => state === "unauthorised.waiting" && context.reason !== null,
    );
    await soon(async () =>
      (await bench.accounts.slots(account.name)).map(({ state }) => state),
    ).toEqual(["DISCARDED"]);
    const dialsBefore = dials();
    const until = new Date(bench.clock.now() + 86_400_000).toISOString();
    bench.clock.advance(3_600_000);

    const elsewhere = await bench.openElsewhere(account.name);
    await elsewhere.start();
    await elsewhere.login("l2", "code");
    await elsewhere.runtime.until(
      (state, { context }) => state === "unauthorised.waiting" && context.reason !== null,
    );
    const { reason } = elsewhere.runtime.snapshot.context;
    expect(reason?.code).toBe("FLOOD_WAIT");
    expect(reason?.message).toContain(`auth.sendCode of ${account.name} rests until ${until}`);
    expect(calls("auth.sendCode")).toBe(1);
    expect(dials()).toBe(dialsBefore);
  });

  it("refuses the next renewal by code, and makes no key and no slot; another method goes on", async () => {
    const account = await serving("user");
    flooded("auth.sendCode", 86_400);
    await account.renew("r1", "auto-code");
    await aborted(account);
    const slots = async () => (await bench.accounts.slots(account.name)).map(({ state }) => state);
    await soon(slots).toEqual(["SERVING", "DISCARDED"]);
    const dialsBefore = dials();
    await account.renew("r2", "code");
    await soon(async () => (await bench.accounts.findRenewal("r2"))?.reason).toMatchObject({
      code: "FLOOD_WAIT",
      message: expect.stringContaining("was not asked"),
    });
    expect(calls("auth.sendCode")).toBe(2);
    expect(dials()).toBe(dialsBefore);
    expect(await slots()).toEqual(["SERVING", "DISCARDED"]);
    await account.runtime.until((state) => state === "active");
    await account.renew("r3", "handoff");
    await account.runtime.until((state, { context }) => state === "active" && context.slot !== 1);
  });
});

describe("a flood wait for logging out", () => {
  it("is waited out: the old key is tried again when it ends, and not before", async () => {
    const account = await serving("bot");
    flooded("auth.logOut", 600);
    await account.renew("r1", "auto");
    await account.runtime.until((state, { context }) => state === "active" && context.slot === 2);
    await soon(() => calls("auth.logOut")).toBe(1);
    await soon(() =>
      bench.events.filter((event) => "code" in event && event.code === "SLOT_NOT_LOGGED_OUT"),
    ).toHaveLength(1);
    const dialsBefore = dials();
    for (let second = 0; second < 100; second += 1) {
      bench.clock.advance(5000);
      await Promise.resolve();
    }
    for (let n = 0; n < 20; n += 1) await account.use((client) => client.self());
    expect(dials()).toBe(dialsBefore);
    expect(authorisationsOf(account)).toHaveLength(2);
    bench.clock.advance(100_000);
    await soon(() => authorisationsOf(account).length).toBe(1);
  });
});
