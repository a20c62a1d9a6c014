import { HoldfastError } from "../errors.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { FleetNews } from "../ports/custody/fleet-bus.ts";
import type { Gate, GrantRef } from "../ports/custody/gate.ts";
import type { SharedRegister } from "../ports/custody/shared-register.ts";
import type { SlotRef, TokenRecord, TokenStore } from "../ports/custody/token-store.ts";
import { type FloorValue, floorKey } from "./registers.ts";
import type { RunningAccounts } from "./running-accounts.ts";
import type { Takeover } from "./takeover.ts";
import type { TrustedBus } from "./trusted-bus.ts";

export interface ClaimsOptions {
  readonly floors: SharedRegister<FloorValue>;
  readonly tokens: Pick<
    TokenStore,
    "grant" | "supersede" | "freeAmong" | "releaseAll" | "heldBesides"
  >;
  readonly bus: TrustedBus;
  readonly gate: Pick<Gate, "incarnation" | "host" | "cut">;
  readonly takeover: Takeover;
  readonly clock: Clock;
  /** Awaited tokens are looked at this often, for lost news; in milliseconds. */
  readonly sweepMs: number;
  newNonce(): string;
  /** Postgres minted an epoch that had been used: it was restored from an older copy. */
  onRestored(ref: SlotRef, floor: FloorValue): void;
}

/** Tokens for this host's incarnation. Nothing may be dialled under a grant that did not come from here. */
export interface Claims {
  /**
   * Mints the next epoch of a free token and raises its floor. null: another incarnation holds it.
   * Only for a token that nothing in this process uses: the remains of an earlier attempt are given
   * back.
   */
  claim(ref: SlotRef, onRaising?: OnRaising): Promise<GrantRef | null>;
  /**
   * Raises the floor for a grant that was minted elsewhere (the switch of a renewal). Throws POSTGRES_RESTORED:
   * this epoch was used before, and must not connect.
   */
  confirm(grant: GrantRef): Promise<void>;
  /** Resolves when the token may be free, or when `signal` aborts. */
  untilFree(ref: SlotRef, signal: AbortSignal): Promise<void>;
  /** Tells the fleet that a token was released here, or is about to be: who asks too early is told again. */
  freed(grant: GrantRef): void;
  /** Tells the fleet that a token was connected here: its former holder waits for that. */
  taken(grant: GrantRef): void;
  /** Gives back this incarnation's tokens of accounts that do not run here. */
  giveBackStrays(running: Pick<RunningAccounts, "has" | "names">): Promise<void>;
  stop(): void;
}

/**
 * Postgres has minted this grant, and its floor is being raised: what is read of the account from now on holds if
 * `raised` resolves. Otherwise a former holder stood in the way; called again for the next try.
 */
export type OnRaising = (grant: GrantRef, raised: Promise<void>) => void;

const floorTriesMax = 5;

type LetGo = Pick<Extract<FleetNews, { type: "let-go" }>, "incarnation" | "grants">;
type FloorEntry = Awaited<ReturnType<SharedRegister<FloorValue>["read"]>>;

export function createClaims(options: ClaimsOptions): Claims {
  const { floors, tokens, bus, gate, takeover, clock, newNonce } = options;
  const { incarnation, host } = gate;
  const waiting = new Map<string, { readonly ref: SlotRef; readonly wakers: Set<() => void> }>();
  /** Tokens that a claim is under way for, and the end of the last one. */
  const claiming = new Map<string, Promise<unknown>>();
  /** The epoch of each slot whose floor was last raised here. */
  const raised = new Map<string, number>();
  let cancelSweep: (() => void) | null = null;

  const stopNews = bus.onNews((news) => {
    if (news.type === "freed") wake(news);
    if (news.type === "let-go" && news.incarnation !== incarnation) void takeLetGo(news);
  });

  function wake(ref: SlotRef): void {
    const found = waiting.get(floorKey(ref));
    for (const waker of found?.wakers ?? []) waker();
  }

  /**
   * A gate has cut these grants, by its own word. That is proof for the tokens that its incarnation holds, so each of
   * them is released. Never rejects.
   */
  async function takeLetGo({ incarnation: of, grants }: LetGo): Promise<void> {
    if (grants.length === 0) return;
    const freed = await tokens.releaseAll(grants, of).catch(() => []);
    for (const ref of freed) {
      const grant = grants.find(
        ({ account, slot }) => account === ref.account && slot === ref.slot,
      );
      if (grant !== undefined) bus.tell({ type: "freed", ...grant });
    }
  }

  function scheduleSweep(): void {
    if (cancelSweep !== null || waiting.size === 0) return;
    cancelSweep = clock.schedule(options.sweepMs, () => {
      cancelSweep = null;
      const refs = [...waiting.values()].map(({ ref }) => ref);
      tokens.freeAmong(refs).then(
        (free) => {
          for (const ref of free) wake(ref);
          scheduleSweep();
        },
        () => scheduleSweep(),
      );
    });
  }

  /**
   * `null`: the floor is raised. Otherwise the floor in the way: as high as the grant, or above
   * `knownEpoch`, the last epoch known to have ended. A holder unknown to Postgres may still be
   * connected under that floor's epoch, even if Postgres has minted later ones. Never goes back: a
   * write that lost the race is read again.
   * @param ahead the answer of an earlier read; if the floor was raised since, the write loses
   */
  async function raiseFloor(
    grant: GrantRef,
    knownEpoch: number,
    ahead?: Promise<FloorEntry>,
  ): Promise<FloorValue | null> {
    const key = floorKey(grant);
    for (let tries = 0; tries < floorTriesMax; tries += 1) {
      const entry = await (tries === 0 && ahead !== undefined ? ahead : floors.read(key));
      const stands = entry?.value;
      // Unreadable: whose epoch stood there is not known, so nothing may connect above it.
      if (stands === null) throw floorNotRaised(grant);
      // Our own, after an unknown outcome, is written once more: a read may show what no longer stands.
      const isOwnFloor = stands?.incarnation === incarnation && stands.epoch === grant.epoch;
      if (
        stands !== undefined &&
        !isOwnFloor &&
        (stands.epoch >= grant.epoch || stands.epoch > knownEpoch)
      ) {
        return stands;
      }
      const value = { epoch: grant.epoch, incarnation, host, nonce: newNonce() };
      try {
        await floors.write(key, value, entry?.revision ?? 0);
        raised.set(key, grant.epoch);
        return null;
      } catch {
        // Unknown or lost: the next read shows whose value stands.
      }
    }
    throw floorNotRaised(grant);
  }

  /** Makes sure that the holder of the floor's epoch can do nothing any more. */
  async function endFormer(ref: SlotRef, floor: FloorValue): Promise<void> {
    const former = { ...ref, epoch: floor.epoch };
    if (floor.incarnation === incarnation) {
      await gate.cut(former);
      return;
    }
    if (await bus.fence(floor.incarnation, { type: "token", grant: former })) return;
    for (;;) {
      const ended = await takeover.take(
        { incarnation: floor.incarnation, host: floor.host },
        { force: true },
      );
      if (ended.ended) return;
    }
  }

  async function adopt(
    first: GrantRef,
    connectedEpoch: number,
    readAhead: Promise<FloorEntry>,
    onRaising: OnRaising,
  ): Promise<GrantRef | null> {
    let grant: GrantRef | null = first;
    let knownEpoch = connectedEpoch;
    let ahead: Promise<FloorEntry> | undefined = readAhead;
    for (;;) {
      const raising = raiseFloor(grant, knownEpoch, ahead);
      onRaising(grant, untilRaised(grant, raising));
      const floor = await raising;
      ahead = undefined;
      if (floor === null) return grant;
      const isRestored = floor.epoch >= grant.epoch;
      if (isRestored) options.onRestored(grant, floor);
      await endFormer(grant, floor);
      knownEpoch = floor.epoch;
      if (!isRestored) continue;
      grant = await tokens.supersede(grant, incarnation, floor.epoch);
      if (grant === null) return null;
    }
  }

  /**
   * Held by this incarnation but unused here: an answer of Postgres got lost. A write still under
   * way may have given its epoch back, so it is cut and never used.
   */
  async function giveBack({ account, slot, epoch }: GrantRef): Promise<void> {
    await gate.cut({ account, slot, epoch });
    await tokens.releaseAll([{ account, slot, epoch }], incarnation);
    bus.tell({ type: "freed", account, slot, epoch });
  }

  const isOwn = (token: TokenRecord | null): token is TokenRecord =>
    token !== null && token.incarnation === incarnation;

  async function claim(ref: SlotRef, onRaising: OnRaising): Promise<GrantRef | null> {
    // On its way beside the grant: the account is away meanwhile.
    const ahead = floors.read(floorKey(ref));
    ahead.catch(() => undefined);
    let granted = await tokens.grant(ref, incarnation);
    if (!granted.applied && isOwn(granted.token)) {
      await giveBack(granted.token);
      granted = await tokens.grant(ref, incarnation);
    }
    if (!granted.applied) return null;
    const { epoch, connectedEpoch } = granted.token;
    const grant = { account: ref.account, slot: ref.slot, epoch };
    return adopt(grant, connectedEpoch, ahead, onRaising);
  }

  return {
    claim(ref, onRaising = () => {}) {
      const key = floorKey(ref);
      // A second one would take the first one's token for the remains of an earlier attempt.
      const before = claiming.get(key);
      const mine =
        before === undefined ? claim(ref, onRaising) : before.then(() => claim(ref, onRaising));
      const ended = mine
        .catch(() => undefined)
        .finally(() => {
          if (claiming.get(key) === ended) claiming.delete(key);
        });
      claiming.set(key, ended);
      return mine;
    },
    async confirm(grant) {
      if (raised.get(floorKey(grant)) === grant.epoch) return;
      // Minted by a switch from this very incarnation's hands: only a floor that is as high stands in its way.
      const floor = await raiseFloor(grant, grant.epoch);
      if (floor === null) return;
      options.onRestored(grant, floor);
      throw restored(grant, floor);
    },
    untilFree(ref, signal) {
      const key = floorKey(ref);
      return new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const found = waiting.get(key) ?? { ref, wakers: new Set<() => void>() };
        waiting.set(key, found);
        const finish = () => {
          signal.removeEventListener("abort", finish);
          found.wakers.delete(finish);
          if (found.wakers.size === 0 && waiting.get(key) === found) waiting.delete(key);
          resolve();
        };
        found.wakers.add(finish);
        signal.addEventListener("abort", finish, { once: true });
        scheduleSweep();
      });
    },
    freed: ({ account, slot, epoch }) => bus.tell({ type: "freed", account, slot, epoch }),
    taken: ({ account, slot, epoch }) => bus.tell({ type: "taken", account, slot, epoch }),
    async giveBackStrays(running) {
      const waitingFor = [...waiting.values()].map(({ ref }) => ref.account);
      for (const token of await tokens.heldBesides(incarnation, running.names(), waitingFor)) {
        const key = floorKey(token);
        // An account that waits for a token uses none: a lost answer or a restore granted it behind
        // our back.
        const isStray = !running.has(token.account) || waiting.has(key);
        if (isStray && !claiming.has(key)) await giveBack(token);
      }
    },
    stop() {
      stopNews();
      cancelSweep?.();
      cancelSweep = null;
    },
  };
}

/** Rejects where a former holder's floor stands in the way; nobody need listen. */
function untilRaised(grant: GrantRef, raising: Promise<FloorValue | null>): Promise<void> {
  const raised = raising.then((inTheWay) => {
    if (inTheWay !== null) throw floorNotRaised(grant);
  });
  raised.catch(() => undefined);
  return raised;
}

const floorNotRaised = ({ account, slot }: SlotRef) =>
  new HoldfastError({
    code: "FLOOR_NOT_RAISED",
    message: `NATS did not acknowledge the epoch of ${account} slot ${slot}; nothing was dialled.`,
    next: "It is tried again by itself; check NATS if this goes on.",
    policy: "retryable",
  });

const restored = ({ account, slot, epoch }: GrantRef, floor: FloorValue) =>
  new HoldfastError({
    code: "POSTGRES_RESTORED",
    message: `Postgres minted epoch ${epoch} of ${account} slot ${slot}, but epoch ${floor.epoch} was used by ${floor.host}: it was restored from an older copy. Nothing was dialled.`,
    next: "The token is taken up again by itself once its former holder has let go.",
    policy: "retryable",
  });
