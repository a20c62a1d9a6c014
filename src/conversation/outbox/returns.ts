import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";
import type { OutboxSettling } from "./settling.ts";

/** Replies that a sender has claimed, and leaves to a later claim. */
export interface Returns {
  add(items: readonly OutboxItem[]): void;
  /** Some are not written down: a claim would find only newer ones of their chats. */
  areUnderWay(): boolean;
}

export function createReturns(settling: Pick<OutboxSettling, "add" | "unwritten">): Returns {
  let returned: readonly string[] = [];

  function areUnderWay(): boolean {
    if (returned.length === 0) return false;
    const still = settling.unwritten();
    returned = returned.filter((id) => still.has(id));
    return returned.length > 0;
  }

  return {
    areUnderWay,
    add(items) {
      areUnderWay();
      const ids = items.map(({ id }) => id);
      returned = [...returned, ...ids];
      settling.add(...ids.map((id) => ({ id, again: true }) as const));
    },
  };
}
