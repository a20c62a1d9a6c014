import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";
import { createBacklogs } from "./backlogs.ts";
import type { OutboxLane, OutboxLanes } from "./lanes.ts";
import { brokenWireCodes, type OutboxLimits, type ReplySource } from "./options.ts";
import type { RestingChats } from "./resting.ts";
import { createReturns } from "./returns.ts";
import type { OutboxSettling } from "./settling.ts";
import type { ChatOfSource, ReplyTicket } from "./ticket.ts";

export interface ReplyClaimsOptions {
  readonly replies: ReplySource;
  readonly lanes: OutboxLanes;
  readonly resting: RestingChats;
  readonly settling: OutboxSettling;
  readonly limits: Pick<OutboxLimits, "claimMax" | "perChatMax" | "heldMax">;
  mayWork(): boolean;
  maySend(): boolean;
  /** Replies came. */
  onReplies(): void;
  /** There is something to look for: `work` is to be called. */
  onDue(): void;
  /** Some chat may be tried again by then. */
  onRest(restMs: number): void;
  onTokenLost(): void;
}

/** Brings a sender's replies into its lanes: those that it claims, and those that turns hand over. */
export interface ReplyClaims {
  /** Finds what earlier attempts left, then claims while there may be more. Rejects with the store's fault. */
  work(): Promise<void>;
  /** There may be something to claim. */
  look(): void;
  /** Some replies may have been claimed and lost: they are looked for first. No ticket given before counts. */
  recover(): void;
  /** Rests for these codes are over. */
  wake(codes: readonly string[]): void;
  /** A ticket for a turn that is about to commit; null: its replies are to be claimed. */
  ticket(of: ChatOfSource): ReplyTicket | null;
  /** The lane has sent a reply. Looks for more where the store may hold some. */
  drained(lane: OutboxLane): void;
  /** These are not sent by this sender for now. Nothing is claimed until that is written. */
  giveBack(items: readonly OutboxItem[]): void;
  /** No ticket given before counts any more. */
  end(): void;
  readonly isDue: boolean;
}

export function createReplyClaims(options: ReplyClaimsOptions): ReplyClaims {
  const { replies, lanes, resting, settling, limits, mayWork, onDue } = options;
  let recoveryDue = true;
  let claimDue = true;
  /** All that earlier attempts left waits to be claimed like new replies. */
  let recovered = false;
  /** Generation of the tickets: the replies of earlier ones are looked for in the store. */
  let generation = 0;
  /** Replies handed over during a claim: they wait, because the claimed ones may be older. */
  let handedMeanwhile: (readonly OutboxItem[])[] | null = null;
  /** A wire that broke before this sender began is no reason to rest. */
  let waking = new Set(brokenWireCodes);
  const backlogs = createBacklogs(lanes, limits.perChatMax);
  const returns = createReturns(settling);

  function recover(): void {
    recoveryDue = true;
    claimDue = true;
    generation += 1;
    handedMeanwhile = null;
  }

  /** Replies that were committed as claimed by this sender. */
  function take(of: number, items: readonly OutboxItem[]): void {
    if (of !== generation) lose();
    else if (handedMeanwhile !== null) handedMeanwhile.push(items);
    else {
      lanes.add(items);
      options.onReplies();
    }
  }

  /** There may be claimed replies without a sender: they are found like those of an earlier attempt. */
  function lose(): void {
    recover();
    onDue();
  }

  async function findLost(): Promise<void> {
    generation += 1;
    recovered = false;
    recoveryDue = false;
    const isOurs = await replies.recover(idsIn(lanes, settling));
    if (!isOurs) return options.onTokenLost();
    recovered = true;
    claimDue = true;
  }

  async function claim(): Promise<void> {
    // A repeated statement must not give back what was claimed anew meanwhile.
    if (settling.isFailing || returns.areUnderWay()) await settling.flushed();
    const limit = Math.min(limits.claimMax, limits.heldMax - lanes.held);
    if (recoveryDue || limit <= 0 || !mayWork()) return;
    claimDue = false;
    const [due, wake] = [resting.due(), [...waking]];
    handedMeanwhile = [];
    const of = generation;
    const claimed = await replies.claim({
      limit,
      perChat: limits.perChatMax,
      except: [...backlogs.full(), ...resting.notDue()],
      rested: due.map(({ chatUser }) => chatUser),
      wake,
    });
    if (claimed === null) return options.onTokenLost();
    // Replies got lost meanwhile, and those may be older than the claimed ones.
    if (of !== generation) return returns.add(claimed.items);
    const isFull = claimed.items.length === limit;
    const came = new Set(claimed.items.map(({ chatUser }) => chatUser));
    lanes.add(claimed.items);
    backlogs.claimed(claimed.items);
    // Of a full claim the rest of a chat's replies may be still to come.
    resting.end(isFull ? due.filter(({ chatUser }) => came.has(chatUser)) : due);
    for (const items of handedMeanwhile ?? []) lanes.add(items);
    handedMeanwhile = null;
    if (isFull) claimDue = true;
    else waking = new Set([...waking].filter((code) => !wake.includes(code)));
    const restMs = shorter(claimed.restMs, resting.nextInMs());
    if (restMs !== null) options.onRest(Math.max(1, restMs));
    options.onReplies();
  }

  return {
    async work() {
      while (mayWork()) {
        if (recoveryDue) await findLost();
        else if (claimDue && recovered && lanes.held < limits.heldMax) await claim();
        else return;
      }
    },
    look: () => {
      claimDue = true;
    },
    recover,
    wake(codes) {
      waking = new Set([...waking, ...codes]);
      resting.wake(codes);
      claimDue = true;
    },
    ticket(of) {
      const isAbreast = recovered && !recoveryDue && options.maySend();
      if (!isAbreast || !hasRoom(lanes, of, limits)) return null;
      const now = generation;
      return { hand: (items) => take(now, items), lose };
    },
    drained(lane) {
      if (backlogs.drained(lane)) claimDue = true;
    },
    giveBack(items) {
      claimDue = true;
      returns.add(items);
    },
    end() {
      generation += 1;
    },
    get isDue() {
      return claimDue || recoveryDue;
    },
  };
}

/** Whether its chat may be handed more replies. */
function hasRoom(
  lanes: OutboxLanes,
  of: ChatOfSource,
  { heldMax, perChatMax }: ReplyClaimsOptions["limits"],
): boolean {
  const lane = lanes.of(of);
  if (lanes.held >= heldMax) return false;
  return lane === null || (lane.queue.length < perChatMax && !lanes.isResting(lane));
}

/** The replies that a sender has, with those whose outcomes are not written yet. */
function idsIn(lanes: OutboxLanes, settling: OutboxSettling): readonly string[] {
  const ids = new Set(settling.unwritten());
  for (const { queue } of lanes.all()) for (const { id } of queue) ids.add(id);
  return [...ids];
}

const shorter = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);
