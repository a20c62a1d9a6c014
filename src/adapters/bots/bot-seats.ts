import type { BotPlace } from "../../ports/conversation/bot-runner.ts";
import {
  hashOfUser,
  partitionCount,
  type PartitionedUser,
} from "../../ports/conversation/partitions.ts";

/** The process that takes a user's turns. The users of each partition are spread over all of them. */
function seatOf(user: PartitionedUser, processes: number): number {
  return Math.floor(hashOfUser(user) / partitionCount) % processes;
}

/** A process that may be given turns. */
interface Seated extends BotPlace {
  readonly open: number;
  readonly pace: "timely" | "late" | null;
}

/** The processes that take a bot's turns, and who takes which. */
export interface BotSeats<Process extends Seated> {
  add(one: Process): void;
  /** False: it has none. */
  remove(one: Process): boolean;
  /** All but this one leave. */
  keep(one: Process): void;
  readonly taken: number;
  /** A place for one turn of the user; null: none gives signs of life. */
  placeOf(user: PartitionedUser): Process | null;
}

/** Beyond so many turns of the eldest there is load. */
const manyTurns = 8;

/**
 * Users are spread over the processes, so that a turn that ends its process takes few along. Under load the eldest
 * takes all turns that it keeps up with: many in one frame cost less than few in each of several. What it does not
 * keep up with goes to the others. Where all are late, users are spread over them all the same.
 */
export function createBotSeats<Process extends Seated>(): BotSeats<Process> {
  /** The eldest first. */
  const seated = new Set<Process>();
  /** Turns that were given a place in this turn of the event loop: they may not have begun. */
  let placedNow = 0;

  return {
    add(one) {
      seated.add(one);
    },
    remove: (one) => seated.delete(one),
    keep(one) {
      seated.clear();
      seated.add(one);
    },
    get taken() {
      return seated.size;
    },
    placeOf(user) {
      const answering = [...seated].filter(({ pace }) => pace !== null);
      const timely = answering.filter(({ pace }) => pace === "timely");
      const [eldest] = timely;
      if (placedNow === 0) setImmediate(() => (placedNow = 0));
      placedNow += 1;
      if (eldest !== undefined && eldest.open + placedNow > manyTurns) return eldest;
      const among = eldest === undefined ? answering : timely;
      return among[seatOf(user, among.length)] ?? null;
    },
  };
}
