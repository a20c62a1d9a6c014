import { expect, it } from "vitest";
import { createForgetCommands } from "../../src/commands/forget-verbs.ts";
import type { PersonErasure } from "../../src/ports/conversation/person-erasure.ts";
import type { Speaker } from "../../src/ports/speaker.ts";

const unasked = () => Promise.reject(new Error("not asked here"));
const operator: Speaker = { name: "op", role: "operate", key: "U1", accounts: "all" };

it("nodes hear of a person who is forgotten, also where the answer of the erasure got lost", async () => {
  let isThere = true;
  const erase: PersonErasure["erase"] = async () => {
    if (!isThere) return { rows: {}, places: [], isLast: true };
    isThere = false;
    throw new Error("Connection terminated unexpectedly");
  };
  const told: string[] = [];
  const { forget } = createForgetCommands({
    erasure: { count: unasked, take: unasked, erase },
    search: { search: unasked },
    streams: { walk: async () => null },
    tellForgotten: (user, places) =>
      told.push(...places.map(({ channel, account }) => `${channel} ${account} ${user}`)),
  });
  const ask = () => forget({ user: "5001", at: "rows" }, operator);
  await expect(ask()).rejects.toThrow("Connection terminated");
  expect(told).toEqual(["* * 5001"]);
  expect((await ask()).at).toBeNull();
  expect(told).toEqual(["* * 5001", "* * 5001"]);
});
