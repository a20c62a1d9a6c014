import type { BotDied } from "../../ports/conversation/bot-runner.ts";
import type { PartitionClaim } from "../../ports/conversation/conversation-store.ts";
import type { TurnKey } from "../../ports/conversation/step-store.ts";
import type { SuspectStore } from "../../ports/conversation/suspect-store.ts";

/** Deaths of a bot's processes after which a turn is set aside: one beside others, then alone. */
export const deathsMax = 3;

/** The turns of one partition that may have ended a process: each runs alone from then on. */
export interface Suspects {
  /** Reads those of earlier owners. */
  learn(): Promise<true>;
  has(turn: TurnKey): boolean;
  /** Written before the turn is tried again. Answers its deaths so far. */
  died(turn: TurnKey, death: BotDied): Promise<number | "stale-owner">;
  /** It is committed or set aside. A suspect that is left in the store only runs alone once more. */
  over(turn: TurnKey): void;
}

export function createSuspects(
  store: SuspectStore,
  claim: PartitionClaim,
  onFault: (error: unknown) => void,
): Suspects {
  const suspects = new Set<string>();

  return {
    async learn() {
      for (const turn of await store.read(claim.partition)) suspects.add(keyOf(turn));
      return true;
    },
    has: (turn) => suspects.size > 0 && suspects.has(keyOf(turn)),
    async died(turn, { code, line: reason }) {
      const { channel, account, inboundId } = turn;
      const deaths = await store.count({ channel, account, inboundId, code, reason }, claim);
      suspects.add(keyOf(turn));
      return deaths;
    },
    over(turn) {
      if (suspects.size > 0 && suspects.delete(keyOf(turn))) store.forget(turn).catch(onFault);
    },
  };
}

const keyOf = ({ channel, account, inboundId }: TurnKey): string =>
  `${channel}\n${account}\n${inboundId}`;
