import { describe, expect, it } from "vitest";
import { createLeaseDeadline } from "../../src/custody/lease-deadline.ts";

function clocks() {
  const at = { monotonicMs: 0, uptimeMs: 0, wallMs: 1_700_000_000_000 };
  return {
    at,
    read: {
      monotonicMs: () => at.monotonicMs,
      uptimeMs: () => at.uptimeMs,
      wallMs: () => at.wallMs,
    },
  };
}

describe("the deadline of a host's lease", () => {
  it("may not act before the first acknowledgement", () => {
    expect(createLeaseDeadline(clocks().read, 5000).isAlive()).toBe(false);
  });

  it("counts from before the renewal was sent, not from its acknowledgement", () => {
    const { at, read } = clocks();
    const deadline = createLeaseDeadline(read, 5000);
    const sentAt = deadline.note();
    at.monotonicMs += 4000;
    expect(deadline.extend(sentAt)).toBe(true);
    expect(deadline.leftMs).toBe(1000);
  });

  it.each(["monotonicMs", "uptimeMs", "wallMs"] as const)(
    "has passed as soon as %s says so",
    (clock) => {
      const { at, read } = clocks();
      const deadline = createLeaseDeadline(read, 5000);
      deadline.extend(deadline.note());
      at[clock] += 5000;
      expect(deadline.isAlive()).toBe(false);
    },
  );

  it("is latched for ever once it has passed, whatever is acknowledged later (I1)", () => {
    const { at, read } = clocks();
    const deadline = createLeaseDeadline(read, 5000);
    deadline.extend(deadline.note());
    const sentAt = deadline.note();
    at.monotonicMs += 6000;
    expect(deadline.extend(sentAt)).toBe(false);
    expect(deadline.extend(deadline.note())).toBe(false);
    expect(deadline.isAlive()).toBe(false);
  });

  it("does not start from a first acknowledgement that comes too late", () => {
    const { at, read } = clocks();
    const deadline = createLeaseDeadline(read, 5000);
    const sentAt = deadline.note();
    at.uptimeMs += 5000;
    expect(deadline.extend(sentAt)).toBe(false);
    expect(deadline.isAlive()).toBe(false);
  });
});
