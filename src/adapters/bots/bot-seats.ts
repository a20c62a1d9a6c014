import {
  hashOfUser,
  partitionCount,
  type PartitionedUser,
} from "../../ports/conversation/partitions.ts";

/** The process that takes a user's turns. The users of each partition are spread over all of them. */
export function seatOf(user: PartitionedUser, processes: number): number {
  return Math.floor(hashOfUser(user) / partitionCount) % processes;
}
