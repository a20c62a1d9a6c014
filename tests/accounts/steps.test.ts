import { describe, expect, it } from "vitest";
import { lifecycleMachine } from "../../machines/lifecycle.ts";
import { tableOf } from "../../machines/rules.ts";
import { stepOfTransition } from "../../src/accounts/steps.ts";

describe("the step of a renewal that a transition shows to be done", () => {
  it("is that the slot drained, on arrival in verified-idle", () => {
    expect(stepOfTransition("draining", "verified-idle")).toBe("drained");
  });

  it("is that idleness was verified, on arrival in renewing", () => {
    expect(stepOfTransition("verified-idle", "renewing")).toBe("verified-idle");
  });

  it("is none where the account stays in its state", () => {
    expect(stepOfTransition("renewing", "renewing")).toBeNull();
  });

  it("comes only from a transition within a renewal, of all that the lifecycle has", () => {
    const ways = tableOf(lifecycleMachine)
      .filter(({ from, to }) => stepOfTransition(from, to) !== null)
      .map(({ from, event, to }) => `${from} to ${to}: ${event}`);
    expect(new Set(ways)).toEqual(
      new Set(["draining to verified-idle: drained", "verified-idle to renewing: idle.verified"]),
    );
  });
});
