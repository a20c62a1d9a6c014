import { describe, expect, it } from "vitest";
import { defaultIdleLimits, spreadPing } from "../../../src/adapters/telegram/idle-limits.ts";

describe("an idle connection", () => {
  const { pingMs, pongMs, hangUpMs } = defaultIdleLimits;

  it("is found dead within 80 seconds, and Telegram hangs up later than that", () => {
    const rests = Array.from({ length: 1_000 }, () => spreadPing(defaultIdleLimits));
    expect(Math.min(...rests)).toBeGreaterThanOrEqual(pingMs);
    expect(Math.max(...rests) + pongMs).toBeLessThanOrEqual(80_000);
    expect(hangUpMs).toBeGreaterThan(80_000);
  });
});
