import { describe, expect, it } from "vitest";
import { createNotices, noticeOf } from "../../src/accounts/notices.ts";
import type { TransitionEvent } from "../../src/ports/accounts/event-sink.ts";
import type { Notice, NoticeWay } from "../../src/ports/accounts/notices.ts";
import { createTestClock } from "../fixtures/test-clock.ts";

const dead: TransitionEvent = {
  type: "transition",
  account: "desk",
  from: "active",
  to: "quarantined",
  event: "key.dead",
  slot: 1,
  epoch: 0,
  reason: { code: "AUTH_KEY_DUPLICATED", message: "Telegram answered 406" },
  atMs: 5,
};

/** A way that fails so many times first. */
function way(failures: number): NoticeWay & { readonly sent: Notice[] } {
  const sent: Notice[] = [];
  let left = failures;
  return {
    name: "test",
    sent,
    async send(notice) {
      left -= 1;
      if (left >= 0) throw new Error("nobody is there");
      sent.push(notice);
    },
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("a notice", () => {
  it("tells of a dead key and of an aborted renewal, why, and what to type", () => {
    expect(noticeOf(dead)?.text).toBe(
      "desk is logged out: its key is dead. Telegram answered 406 (AUTH_KEY_DUPLICATED). Next: npx holdfast recover desk",
    );
    expect(noticeOf({ ...dead, to: "aborting" })).toMatchObject({ code: "RENEWAL_ABORTED" });
    expect(noticeOf({ ...dead, to: "active" })).toBeNull();
    expect(noticeOf({ type: "note", account: "desk", code: "X", message: "" })).toBeNull();
  });

  it("tells of a key whose place another one has taken", () => {
    const text = noticeOf({ ...dead, from: "burying", to: "seeking" })?.text;
    expect(text).toContain("another one that was logged in already serves from now on");
    expect(noticeOf({ ...dead, from: "active", to: "burying" })).toBeNull();
    expect(noticeOf({ ...dead, from: "fenced", to: "seeking" })).toBeNull();
  });

  it("tells of a renewal that needs a person, and has the renewal's name", () => {
    const note = { type: "note", account: "desk", code: "RENEWAL_NEEDS_PERSON" } as const;
    expect(noticeOf({ ...note, message: "it has a password", of: "scheduled-desk-1" })).toEqual({
      id: "scheduled-desk-1-needs-person",
      account: "desk",
      code: "RENEWAL_NEEDS_PERSON",
      text: "desk: it has a password. Next: npx holdfast password desk, or npx holdfast renew desk",
    });
  });

  it("is sent again with the same id until it arrives", async () => {
    const clock = createTestClock();
    const flaky = way(2);
    const lost: string[] = [];
    const notify = createNotices({ ways: [flaky], clock, onLost: (_, name) => lost.push(name) });
    notify(dead);
    for (const waitMs of [0, 5_000, 10_000]) {
      clock.advance(waitMs);
      await settle();
    }
    expect(flaky.sent.map(({ id }) => id)).toEqual(["desk-quarantined-5"]);
    expect(lost).toEqual([]);
  });

  it("that arrives nowhere is said to be lost, and the queue is bounded", async () => {
    const clock = createTestClock();
    const lost: string[] = [];
    const notify = createNotices({
      ways: [way(Infinity)],
      clock,
      onLost: ({ id }) => lost.push(id),
    });
    for (let index = 0; index < 101; index += 1) notify({ ...dead, atMs: index });
    expect(lost).toEqual(["desk-quarantined-100"]);
    for (let tries = 0; tries < 7; tries += 1) {
      await settle();
      clock.advance(1_000_000);
    }
    await settle();
    expect(lost).toHaveLength(101);
  });
});
