import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";

/** Whether a chat's oldest reply was attempted before. */
export type SendKind = "first" | "retry";

type Queued = { readonly queue: readonly OutboxItem[] };

export const kindOf = ({ queue: [item] }: Queued): SendKind =>
  item?.attempted === true ? "retry" : "first";

/** Lanes that may send, and some that no longer may, in the order in which they joined. */
export interface ReadyLanes<Lane extends Queued> {
  /** Where it stands already, it keeps its place. */
  join(lane: Lane): void;
  leave(lane: Lane): void;
  /** The first that is ready and fit; those that are not ready any more leave. */
  next(kind?: SendKind, fits?: (lane: Lane) => boolean): Lane | null;
}

export function createReadyLanes<Lane extends Queued>(
  isReady: (lane: Lane) => boolean,
): ReadyLanes<Lane> {
  const lanes = { first: new Set<Lane>(), retry: new Set<Lane>() };

  function nextOf(kind: SendKind, fits?: (lane: Lane) => boolean): Lane | null {
    for (const lane of lanes[kind]) {
      if (!isReady(lane)) lanes[kind].delete(lane);
      else if (fits === undefined || fits(lane)) return lane;
    }
    return null;
  }

  return {
    join(lane) {
      const kind = kindOf(lane);
      lanes[kind === "first" ? "retry" : "first"].delete(lane);
      lanes[kind].add(lane);
    },
    leave(lane) {
      lanes.first.delete(lane);
      lanes.retry.delete(lane);
    },
    next: (kind, fits) =>
      kind === undefined ? (nextOf("first", fits) ?? nextOf("retry", fits)) : nextOf(kind, fits),
  };
}
