import { describe, expect, it } from "vitest";
import { busyAccount } from "../../src/accounts/busy-account.ts";

const nextOf = (state: string, untilMs: number | null = null) =>
  busyAccount("desk", state, untilMs, 1_000).next;

describe("an account that takes no call", () => {
  it.each([
    ["paused", "npx holdfast resume desk"],
    ["unauthorised.waiting", "npx holdfast auth desk"],
    ["quarantined", "npx holdfast recover desk"],
    ["stopped", "npx holdfast resume desk"],
    ["draining", "npx holdfast status desk"],
  ])("and is %s names the command that helps", (state, command) => {
    expect(nextOf(state)).toContain(command);
    expect(busyAccount("desk", state, null, 0)).toMatchObject({
      code: "ACCOUNT_BUSY",
      policy: "retryable",
      waitSeconds: undefined,
    });
  });

  it("says how long Telegram's wait still is", () => {
    expect(busyAccount("desk", "cooling", 31_500, 1_000)).toMatchObject({
      waitSeconds: 31,
      next: "Try again in 31 s.",
      message: expect.stringContaining("until 1970-01-01T00:00:31.500Z, as Telegram asked"),
    });
  });
});
