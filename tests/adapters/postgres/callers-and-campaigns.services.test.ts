import { afterAll, beforeAll, expect, it } from "vitest";
import { createCallerStore } from "../../../src/adapters/postgres/caller-store.ts";
import { createCampaignStore } from "../../../src/adapters/postgres/campaign-store.ts";
import { openCustodyStores } from "../../fixtures/custody-stores.ts";

let stores: Awaited<ReturnType<typeof openCustodyStores>>;
beforeAll(async () => {
  stores = await openCustodyStores();
});
afterAll(() => stores.close());

const renewal = (id: string, account: string, at: string, state = "done") =>
  stores.database.query(
    `insert into renewals (id, account, method, state, from_slot, requested_at)
     values ($1, $2, 'bot-token', $3, 1, now() + $4::interval)`,
    [id, account, state, at],
  );

it("a campaign counts the renewals that were begun since it, and ends once for its reason", async () => {
  const campaigns = createCampaignStore(stores.database);
  await renewal("before", "one", "-1 hour");
  expect(await campaigns.open("c1", "compromised")).toMatchObject({ id: "c1", known: false });
  expect(await campaigns.open("c2", "compromised")).toMatchObject({ id: "c1", known: true });
  expect(await campaigns.open("c3", "moved")).toMatchObject({ id: "c3", known: false });
  const states = async () => (await campaigns.accounts("c1")).map(({ state }) => state);
  expect(await states()).toEqual(["due", "due"]);
  await renewal("aborted", "one", "1 second", "aborted");
  expect(await states()).toEqual(["due", "due"]);
  await renewal("since", "one", "1 second");
  await stores.database.query("update accounts set wanted = 'stop' where name = 'two'");
  expect(await states()).toEqual(["renewed", "stopped"]);
  await stores.database.query("update accounts set serving_slot = null where name = 'two'");
  expect(await states()).toEqual(["renewed", "no-session"]);
  await campaigns.end("c1");
  expect(await campaigns.open("c4", "compromised")).toMatchObject({ id: "c4", known: false });
});

it("a caller is found by its key, and its name is free again once it is revoked", async () => {
  const callers = createCallerStore(stores.database);
  const ci = { name: "ci", key: "UA", role: "read", accounts: ["one"], expiresAt: null } as const;
  expect(await callers.add(ci)).toBe("added");
  expect(await callers.add({ ...ci, key: "UB" })).toBe("taken");
  expect(await callers.add({ ...ci, name: "other" })).toBe("taken");
  expect(await callers.find("UA")).toMatchObject({ ...ci, revokedAt: null });
  expect(await callers.find("UB")).toBeNull();
  expect((await callers.revoke("ci"))?.revokedAt).toMatch(/^20/);
  expect(await callers.revoke("ci")).toBeNull();
  const expiresAt = "2030-01-01T00:00:00.000Z";
  expect(await callers.add({ ...ci, key: "UB", accounts: "all", expiresAt })).toBe("added");
  expect((await callers.list()).map(({ key, accounts }) => [key, accounts])).toEqual([
    ["UB", "all"],
    ["UA", ["one"]],
  ]);
  const owner = { ...ci, key: "UC", name: "boss", role: "owner" as "read" };
  await expect(callers.add(owner)).rejects.toThrow("callers_role_check");
});
