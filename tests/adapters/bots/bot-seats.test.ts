import { describe, expect, it } from "vitest";
import { createBotSeats } from "../../../src/adapters/bots/bot-seats.ts";
import { partitionOf, partitions } from "../../../src/ports/conversation/partitions.ts";

type Pace = "timely" | "late" | null;

/** Processes of a bot that have no turns, one for each pace. */
function seated(...paces: readonly Pace[]) {
  const seats = createBotSeats<ReturnType<typeof processOf>>();
  const processes = paces.map(processOf);
  for (const one of processes) seats.add(one);
  const placeOf = (user: ReturnType<typeof userOf>): number => {
    const found = seats.placeOf(user);
    return processes.findIndex((one) => one === found);
  };
  return { seats, processes, placeOf };
}

const processOf = (pace: Pace) => ({
  pace,
  open: 0,
  run: () => {
    throw new Error("no turn runs here");
  },
});

const userOf = (n: number) => ({ channel: "telegram", account: "a", chatUser: `${n}` });
const users = Array.from({ length: 4_000 }, (_, n) => userOf(n));
const moment = () => new Promise((resolve) => setImmediate(resolve));

/** Where each of eight users goes, each in a moment of its own. */
async function placesOf({ placeOf }: ReturnType<typeof seated>): Promise<ReadonlySet<number>> {
  const places = new Set<number>();
  for (const user of users.slice(0, 8)) {
    places.add(placeOf(user));
    await moment();
  }
  return places;
}

describe("the seats of a bot's processes", () => {
  it.each([2, 3, 4])("spread the users of each partition over all %i of them", (count) => {
    // Where all are late, nothing but the user decides.
    const { placeOf } = seated(...Array.from({ length: count }, () => "late" as const));
    for (const partition of partitions) {
      const mine = users.filter((user) => partitionOf(user) === partition);
      const counts = Array.from({ length: count }, () => 0);
      for (const user of mine) counts[placeOf(user)]! += 1;
      for (const turns of counts) expect(turns).toBeGreaterThan((0.7 * mine.length) / count);
    }
  });

  it("spread users while there are few turns", async () => {
    expect(await placesOf(seated("timely", "timely"))).toEqual(new Set([0, 1]));
  });

  it("give all to the eldest once it has many, or many come in one moment", async () => {
    const busy = seated("timely", "timely");
    busy.processes[0]!.open = 8;
    expect(await placesOf(busy)).toEqual(new Set([0]));
    const { placeOf } = seated("timely", "timely");
    const places = users.slice(0, 100).map((user) => placeOf(user));
    expect(new Set(places.slice(0, 8))).toEqual(new Set([0, 1]));
    expect(new Set(places.slice(8))).toEqual(new Set([0]));
  });

  it.each([
    ["the eldest is late", ["late", "timely"], [1]],
    ["the eldest gives no sign of life", [null, "timely"], [1]],
    ["all are late", ["late", "late"], [0, 1]],
    ["one is late and one silent", [null, "late"], [1]],
    ["none gives a sign of life", [null, null], [-1]],
  ] as const)("know where turns go when %s", async (_when, paces, expected) => {
    expect(await placesOf(seated(...paces))).toEqual(new Set(expected));
  });

  it("know the eldest anew when one has left, or all but one", () => {
    const { seats, processes } = seated("timely", "timely", "timely");
    const [first, second, third] = processes;
    for (const one of processes) one.open = 8;
    const eldest = () => seats.placeOf(userOf(1));
    expect([eldest() === first, seats.remove(first!), seats.remove(first!)]).toEqual([
      true,
      true,
      false,
    ]);
    expect([eldest() === second, seats.taken]).toEqual([true, 2]);
    seats.keep(third!);
    expect([eldest() === third, seats.taken]).toEqual([true, 1]);
  });
});
