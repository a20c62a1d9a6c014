import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRenewalTriggers } from "../../../src/accounts/scheduled-renewals.ts";
import type { Account } from "../../../src/accounts/account.ts";
import { type AccountBench, openAccountBench } from "../../fixtures/account-bench.ts";
import { createOwner } from "../../fixtures/owner.ts";

let bench: AccountBench;
beforeEach(async () => {
  bench = await openAccountBench();
});
afterEach(() => bench.close());

const { serving } = createOwner(() => bench);

const hourMs = 3_600_000;
const everyMs = 2 * hourMs;

const told: string[] = [];

/** The schedule as a host runs it. */
function schedule(account: Account) {
  const faults: unknown[] = [];
  const triggers = createRenewalTriggers({
    accounts: bench.accounts,
    events: { report: (event) => void told.push(event.type === "note" ? event.code : event.type) },
    clock: bench.clock,
    schedule: { everyMs, jitterMs: 0, quiet: null },
    serving: () => (account.runtime.state === "active" ? [account] : []),
    onFault: (error) => faults.push(error),
  });
  return { triggers, faults };
}

/** Sets the rows of the account's renewals as if so much time had passed since. */
const age = (hours: number) =>
  bench.database.query(
    `with keys as (update authorisations set created_at = created_at - make_interval(hours => $1))
     update renewals set requested_at = requested_at - make_interval(hours => $1),
       changed_at = changed_at - make_interval(hours => $1)`,
    [hours],
  );

const codesAsked = () =>
  bench.dc.ledger.rpcs().filter(({ method }) => method === "auth.sendCode").length;

const renewalRows = () =>
  bench.database.query<{ state: string; code: string }>(
    "select state, reason ->> 'code' as code from renewals order by requested_at",
  );

async function look(triggers: { look(): void }): Promise<void> {
  triggers.look();
  bench.clock.advance(50);
}

describe("a renewal of the schedule", () => {
  beforeEach(() => void told.splice(0));

  it("with a 2FA password that is not kept asks Telegram for no code until it is kept, and tells its owner once", async () => {
    const account = await serving("user", { password: "s3cret" });
    const before = codesAsked();
    const { triggers, faults } = schedule(account);
    await age(3);
    await look(triggers);
    await expect.poll(() => renewalRows()).toEqual([{ state: "aborted", code: "PERSON_NEEDED" }]);
    expect([codesAsked() - before, account.question]).toEqual([0, null]);
    expect(await bench.accounts.slots(account.name)).toHaveLength(1);
    await bench.accounts.keepPassword(account.name, "s3cret");
    await age(2);
    await look(triggers);
    await expect.poll(() => account.runtime.snapshot.context.slot, { timeout: 20_000 }).toBe(2);
    await account.runtime.until((state) => state === "active");
    expect(told).toEqual(["RENEWAL_NEEDS_PERSON"]);
    expect([codesAsked() - before, faults]).toEqual([1, []]);
    triggers.stop();
  });
});
