import { describe, expect, it } from "vitest";
import type { HeldItem } from "../../../src/conversation/turns/backlog/item.ts";
import { createStreamWindow } from "../../../src/conversation/turns/backlog/window.ts";
import { positionsPerMessage } from "../../../src/ports/conversation/inbound-stream.ts";
import { countedClock } from "../../fixtures/counted-clock.ts";

/** A window of four messages, in which an item is old after 500 ms. */
function openWindow() {
  const { clock, timers } = countedClock();
  const moved: number[] = [];
  const window = createStreamWindow({
    clock,
    messagesMax: 4,
    oldMs: 500,
    mayMove: () => true,
    move: ({ position }) => void moved.push(position),
  });
  const item = (message: number, index = 0): HeldItem => {
    const at: Pick<HeldItem, "position" | "sinceMs" | "isMoving"> = {
      position: message * positionsPerMessage + index,
      sinceMs: clock.monotonicMs(),
      isMoving: false,
    };
    return at as HeldItem;
  };
  return { clock, timers, window, moved, item };
}

describe("the window of a stream", () => {
  it("counts no message whose items are settled, however many there were", () => {
    const { clock, timers, window, moved, item } = openWindow();
    for (let message = 1; message <= 100; message += 1) {
      const items = [item(message, 0), item(message, 1)];
      for (const one of items) window.add(one);
      for (const one of items) window.forget(one);
    }
    expect(timers()).toBe(0);
    window.add(item(101));
    clock.advance(2_000);
    expect(moved).toEqual([]);
  });

  it("counts a message until the last of its items is settled", () => {
    const { clock, window, moved, item } = openWindow();
    for (let message = 1; message <= 4; message += 1) {
      const first = item(message, 0);
      window.add(first);
      window.add(item(message, 1));
      window.forget(first);
      window.forget(first);
    }
    clock.advance(500);
    expect(moved).toHaveLength(4);
  });
});
