import { expect, it } from "vitest";
import { seatOf } from "../../../src/adapters/bots/bot-seats.ts";
import { partitionOf, partitions } from "../../../src/ports/conversation/partitions.ts";

it("the users of each partition are spread over all processes of a bot", () => {
  const users = Array.from({ length: 4_000 }, (_, n) => ({
    channel: "telegram",
    account: "a",
    chatUser: `${n}`,
  }));
  for (const partition of partitions) {
    const mine = users.filter((user) => partitionOf(user) === partition);
    for (const processes of [2, 3, 4]) {
      const counts = Array.from({ length: processes }, () => 0);
      for (const user of mine) counts[seatOf(user, processes)]! += 1;
      for (const count of counts) expect(count).toBeGreaterThan((0.7 * mine.length) / processes);
    }
  }
});
