import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";
import type { OutboxLane, OutboxLanes } from "./lanes.ts";

/** The chats of which the store may hold more than was claimed. */
export interface Backlogs {
  /** Chat users who have enough in their lanes: they are looked for again when these have drained. */
  full(): readonly string[];
  /** These were claimed. */
  claimed(items: readonly OutboxItem[]): void;
  /** The lane has sent a reply. `true`: it is time to look for more of its chat. */
  drained(lane: OutboxLane): boolean;
}

/** What is left of a chat's share when more of it is looked for, so that it need not wait for that. */
const lowShare = 0.25;

export function createBacklogs(lanes: OutboxLanes, perChatMax: number): Backlogs {
  const more = new Set<string>();

  return {
    full() {
      const chats: string[] = [];
      for (const { key, chatUser, queue } of lanes.all()) {
        if (queue.length < perChatMax) continue;
        chats.push(chatUser);
        more.add(key);
      }
      return chats;
    },
    claimed(items) {
      const counts = new Map<string, number>();
      for (const item of items) {
        const key = lanes.of(item)?.key ?? "";
        const count = (counts.get(key) ?? 0) + 1;
        counts.set(key, count);
        if (count === perChatMax) more.add(key);
      }
    },
    drained: ({ key, queue }) => queue.length <= perChatMax * lowShare && more.delete(key),
  };
}
