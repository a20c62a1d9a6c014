import type { OutboxItem } from "../../ports/conversation/outbox-store.ts";
import type { OutboxLane, OutboxLanes } from "./lanes.ts";
import { brokenWireCodes, type OutboxLimits, type ReplySource } from "./options.ts";
import type { RestingChats } from "./resting.ts";
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
  /** Chats of which the store may hold more. */
  const backlogs = new Set<string>();

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

  function ownIds(): readonly string[] {
    const ids = new Set(settling.unwritten());
    for (const { queue } of lanes.all()) for (const { id } of queue) ids.add(id);
    return [...ids];
  }

  function loseToken(): void {
    handedMeanwhile = null;
    options.onTokenLost();
  }

  async function findLost(): Promise<void> {
    generation += 1;
    recovered = false;
    recoveryDue = false;
    const isOurs = await replies.recover(ownIds());
    if (!isOurs) return loseToken();
    recovered = true;
    claimDue = true;
  }

  /** Lanes that have enough, and will be looked for when they have drained. */
  function fullChats(): readonly string[] {
    const full: string[] = [];
    for (const { key, chatUser, queue } of lanes.all()) {
      if (queue.length < limits.perChatMax) continue;
      full.push(chatUser);
      backlogs.add(key);
    }
    return full;
  }

  function rememberBacklogs(items: readonly OutboxItem[]): void {
    const counts = new Map<string, number>();
    for (const item of items) {
      const key = lanes.of(item)?.key ?? "";
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      if (count === limits.perChatMax) backlogs.add(key);
    }
  }

  async function claim(): Promise<void> {
    // A repeated statement must not give back what was claimed anew meanwhile.
    if (settling.isFailing) await settling.flushed();
    const limit = Math.min(limits.claimMax, limits.heldMax - lanes.held);
    if (limit <= 0 || !mayWork()) return;
    claimDue = false;
    const [due, wake] = [resting.due(), [...waking]];
    const except = [...fullChats(), ...resting.notDue()];
    handedMeanwhile = [];
    const claimed = await replies.claim({
      limit,
      perChat: limits.perChatMax,
      except,
      rested: due.map(({ chatUser }) => chatUser),
      wake,
    });
    if (claimed === null) return loseToken();
    const isFull = claimed.items.length === limit;
    const came = new Set(claimed.items.map(({ chatUser }) => chatUser));
    lanes.add(claimed.items);
    rememberBacklogs(claimed.items);
    // Of a full claim the rest of a chat's replies may be still to come.
    resting.end(isFull ? due.filter(({ chatUser }) => came.has(chatUser)) : due);
    for (const items of handedMeanwhile ?? []) lanes.add(items);
    handedMeanwhile = null;
    if (isFull) claimDue = true;
    else waking = new Set([...waking].filter((code) => !wake.includes(code)));
    const rests = [claimed.restMs, resting.nextInMs()].filter((ms) => ms !== null);
    if (rests.length > 0) options.onRest(Math.max(1, Math.min(...rests)));
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
      if (!recovered || recoveryDue || !options.maySend() || lanes.held >= limits.heldMax) {
        return null;
      }
      const lane = lanes.of(of);
      if (lane !== null && (lane.queue.length >= limits.perChatMax || lanes.isResting(lane))) {
        return null;
      }
      const now = generation;
      return { hand: (items) => take(now, items), lose };
    },
    drained({ key, queue }) {
      if (queue.length * 4 > limits.perChatMax || !backlogs.delete(key)) return;
      claimDue = true;
    },
    end() {
      generation += 1;
    },
    get isDue() {
      return claimDue || recoveryDue;
    },
  };
}
