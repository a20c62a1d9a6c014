import type { Clock } from "../concurrency/clock.ts";
import type { IncarnationStore } from "../ports/custody/incarnation-store.ts";
import type { GrantRef } from "../ports/custody/gate.ts";
import {
  type HoldPromise,
  longestPromise,
  readPromise,
  silentAfterMs,
} from "../ports/custody/hold-promise.ts";
import type { Signatures } from "../ports/custody/signatures.ts";
import type { RegisterEntry, SharedRegister } from "../ports/custody/shared-register.ts";
import { type LeaseWorth, worthOf } from "./lease-reading.ts";
import { hostKey, type LeaseValue } from "./registers.ts";
import type { TrustedBus } from "./trusted-bus.ts";
import { wait } from "../concurrency/wait.ts";

export interface TakeoverOptions {
  readonly hosts: SharedRegister<LeaseValue>;
  readonly store: Pick<IncarnationStore, "registration" | "revoke" | "silence">;
  readonly bus: Pick<TrustedBus, "fence" | "tell" | "onNews">;
  readonly signatures: Signatures;
  /** A promise that its maker has signed, as it was seen here; null: it was not. */
  promiseOf(incarnation: string): HoldPromise | null;
  readonly clock: Clock;
  /** The least wait after a revocation, in milliseconds; a holder that promised less speed is waited for longer. */
  readonly takeMs: number;
  newNonce(): string;
}

export interface Target {
  readonly incarnation: string;
  readonly host: string;
}

export type TakeoverOutcome =
  /** The holder can do nothing any more, and its tokens are free. */
  | { readonly ended: true; readonly freed: readonly GrantRef[]; readonly how: SilenceHow }
  /** It renewed its lease meanwhile, or another host revoked it in between: look again. */
  | { readonly ended: false; readonly why: "alive" | "moved" };

/** The evidence that the holder does nothing any more. */
export type SilenceHow = "released" | "fenced" | "told" | "proven" | "waited";

export interface TakeHow {
  readonly atRevision?: number;
  readonly force?: boolean;
  /** Resolves with true once its silence is proven; the wait goes on beside it. */
  readonly proof?: Promise<boolean>;
}

/** Ends an incarnation for ever. Calls for the same one meanwhile get the same answer. */
export interface Takeover {
  /**
   * Revokes the lease in NATS and the incarnation in Postgres, then waits until nothing of it can
   * act. Its gate's own answer, a proof, or the wait for T_take shows that. Then frees its tokens.
   * An incarnation that is over by Postgres's record needs none of this.
   * `atRevision`: the lease as it was seen silent; a lease renewed since is left alone. `force`:
   * revoke it although it is alive. Throws the errors of the ports: a revocation stands, and
   * another attempt goes on from there.
   */
  take(target: Target, how?: TakeHow): Promise<TakeoverOutcome>;
  stop(): void;
}

interface Revoked {
  readonly done: "revoked" | "released" | "alive" | "moved";
  /** By the lease; null: it tells none that its holder has signed. */
  readonly promise: HoldPromise | null;
  /** Writes once more: only a write shows that the revocation stands. */
  confirm(): Promise<boolean>;
}

const saidEndedMax = 1000;

/** Nothing was written. */
const untouched = (done: Exclude<Revoked["done"], "revoked">): Revoked => ({
  done,
  promise: null,
  confirm: async () => false,
});

export function createTakeover(options: TakeoverOptions): Takeover {
  const { hosts, store, bus, signatures, clock, takeMs, newNonce } = options;
  const underWay = new Map<string, Promise<TakeoverOutcome>>();

  /** Incarnations whose gates have announced their end, the newest last. */
  const saidEnded = new Set<string>();
  const whenSaid = new Map<string, () => void>();
  const stopNews = bus.onNews((news) => {
    if (news.type !== "ended") return;
    saidEnded.add(news.incarnation);
    for (const oldest of saidEnded) {
      if (saidEnded.size <= saidEndedMax) break;
      saidEnded.delete(oldest);
    }
    whenSaid.get(news.incarnation)?.();
  });

  /** One write under our own nonce; after an unknown outcome, a read that shows the nonce. Null: it is not ours. */
  async function writeRevoked(
    key: string,
    value: LeaseValue,
    previous: number,
  ): Promise<number | null> {
    try {
      return await hosts.write(key, value, previous);
    } catch {
      const entry = await hosts.read(key);
      return entry?.value?.nonce === value.nonce ? entry.revision : null;
    }
  }

  async function revokeLease(
    { incarnation, host }: Target,
    atRevision: number | undefined,
    force: boolean,
  ): Promise<Revoked> {
    const key = hostKey(host);
    const entry = await hosts.read(key);
    const { standing, worth } = readLease(key, entry);
    if (standing !== undefined && standing.incarnation !== incarnation) {
      // A successor of that host wrote over it: its renewals fail against that write.
      return { done: "revoked", promise: null, confirm: () => stillOther(key, incarnation) };
    }
    const isSigned = worth === "proven";
    const promise = isSigned && standing !== undefined ? readPromise(standing) : null;
    if (isSigned && standing?.status === "released") return { ...untouched("released"), promise };
    const isAlive = standing?.status === "live" && entry?.revision !== atRevision;
    if (isAlive && !force) return untouched("alive");
    const confirmAt = (value: LeaseValue, revision: number) => async () =>
      (await writeRevoked(key, { ...value, nonce: newNonce() }, revision)) !== null;
    // Another host revoked it: to write over it would only undo their confirmation.
    if (entry !== null && standing?.status === "revoked") {
      return { done: "revoked", promise, confirm: confirmAt(standing, entry.revision) };
    }
    const value: LeaseValue = {
      generation: standing?.generation ?? 1,
      incarnation,
      n: standing?.n ?? 0,
      nonce: newNonce(),
      status: "revoked",
      serving: false,
    };
    const revision = await writeRevoked(key, value, entry?.revision ?? 0);
    if (revision === null) return untouched("moved");
    return { done: "revoked", promise, confirm: confirmAt(value, revision) };
  }

  /** A forged lease counts as none: its holder cannot renew over it. */
  function readLease(
    key: string,
    entry: RegisterEntry<LeaseValue> | null,
  ): { readonly standing: LeaseValue | undefined; readonly worth: LeaseWorth } {
    const worth = entry === null ? "forged" : worthOf(signatures, key, entry.value);
    return { standing: worth === "forged" ? undefined : entry?.value, worth };
  }

  async function stillOther(key: string, incarnation: string): Promise<boolean> {
    const entry = await hosts.read(key);
    return entry !== null && entry.value?.incarnation !== incarnation;
  }

  /** The wait begins after both revocations are acknowledged. */
  async function untilSilent(
    incarnation: string,
    proof: Promise<boolean> | undefined,
    waitMs: number,
  ): Promise<SilenceHow> {
    const over = new AbortController();
    const told = new Promise<SilenceHow>((resolve) => {
      if (saidEnded.has(incarnation)) resolve("told");
      else whenSaid.set(incarnation, () => resolve("told"));
    });
    const yes = async (answer: Promise<boolean>, how: SilenceHow): Promise<SilenceHow> =>
      (await answer.catch(() => false)) ? how : new Promise<never>(() => {});
    const how = await Promise.race([
      wait(clock, waitMs, over.signal).then((): SilenceHow => "waited"),
      told,
      yes(bus.fence(incarnation, { type: "everything" }), "fenced"),
      ...(proof === undefined ? [] : [yes(proof, "proven")]),
    ]);
    over.abort();
    whenSaid.delete(incarnation);
    return how;
  }

  async function free(incarnation: string, how: SilenceHow): Promise<TakeoverOutcome> {
    const freed = await store.silence(incarnation);
    for (const grant of freed) bus.tell({ type: "freed", ...grant });
    return { ended: true, freed, how };
  }

  async function end(
    target: Target,
    { atRevision, force = false, proof }: TakeHow,
  ): Promise<TakeoverOutcome> {
    const { incarnation } = target;
    const known = await store.registration(incarnation);
    // A floor may name it all the same: it may have let go between the floor and the connection.
    if (known?.isOver === true) return { ended: true, freed: [], how: "released" };
    // Postgres knows the host of an incarnation; of anyone else it is hearsay.
    const at = known === null ? target : { incarnation, host: known.host };
    const lease = await revokeLease(at, atRevision, force);
    if (lease.done === "alive" || lease.done === "moved") return { ended: false, why: lease.done };
    await store.revoke(incarnation);
    if (lease.done === "released") return free(incarnation, "released");
    const told = known?.promise ?? lease.promise ?? options.promiseOf(incarnation);
    // An incarnation with a key has started under the fleet's times, which are this host's own. One of an older
    // version may have had any.
    const unknownMs = signatures.isKey(incarnation) ? takeMs : silentAfterMs(longestPromise);
    const waitMs = Math.max(takeMs, told === null ? unknownMs : silentAfterMs(told));
    const how = await untilSilent(incarnation, proof, waitMs);
    if (!(await lease.confirm())) return { ended: false, why: "moved" };
    return free(incarnation, how);
  }

  return {
    take(target, how = {}) {
      const under = underWay.get(target.incarnation);
      if (under !== undefined) return under;
      const ending = end(target, how).finally(() => underWay.delete(target.incarnation));
      underWay.set(target.incarnation, ending);
      return ending;
    },
    stop: stopNews,
  };
}
