import { partitionOf } from "../../../ports/conversation/partitions.ts";
import type { EngineWorld } from "./engine-world.ts";
import { messageOfTurn } from "./sim-bot.ts";

/** The share of the chat user whose message a turn answers. */
export function partitionOfTurn(world: EngineWorld, turn: string): number {
  const [channel = "", account = ""] = turn.split(":");
  return partitionOf({ channel, account, chatUser: userOf(world, account, messageOfTurn(turn)) });
}

function userOf(world: EngineWorld, account: string, number: number): string {
  for (const { update } of world.messenger.accounts.get(account)!.updates) {
    if (update.messageId === number) return update.peer.userId;
  }
  return "";
}
