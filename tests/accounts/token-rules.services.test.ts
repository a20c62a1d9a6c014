import { afterEach, expect, it } from "vitest";
import { tokenRules } from "../../machines/token.ts";
import { changedToken } from "../fixtures/models/changed-token.ts";
import { type AccountBench, openAccountBench } from "../fixtures/account-bench.ts";
import { createOwner } from "../fixtures/owner.ts";

let bench: AccountBench;
const { serving } = createOwner(() => bench);
afterEach(() => bench.close());

/** How a renewal by bot token begins. */
async function firstAfterRenewal(): Promise<string> {
  const account = await serving("bot");
  const before = bench.events.length;
  await account.renew("r1", "bot-token");
  const begun = () =>
    bench.events
      .slice(before)
      .flatMap((event) => (event.type === "transition" ? [`${event.event} to ${event.to}`] : []))
      .find((told) => !told.startsWith("renew "));
  await expect.poll(begun, { timeout: 20_000 }).toBeDefined();
  return begun()!;
}

it("an account is renewed while its token may drain", async () => {
  bench = await openAccountBench();
  expect(await firstAfterRenewal()).toBe("slot.prepared to draining");
});

it("an account is not renewed once the token machine lets no connected token drain", async () => {
  const machine = changedToken({ connected: { on: { drain: null } } });
  bench = await openAccountBench(tokenRules(machine));
  expect(await firstAfterRenewal()).toBe("prepare.failed to aborting");
  expect(await bench.accounts.findRenewal("r1")).toBeNull();
});
