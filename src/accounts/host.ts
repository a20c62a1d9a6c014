import type { AccountKind } from "../../machines/lifecycle.ts";
import { orAborted } from "../concurrency/or-aborted.ts";
import { serially } from "../concurrency/serially.ts";
import { createAccountRoll } from "./known-accounts.ts";
import type { Custodian } from "../custody/custodian.ts";
import type { AccountKeeping, FleetPart } from "../custody/node-side.ts";
import type { Takeover } from "../custody/takeover.ts";
import type { AccountRecord, AccountStore } from "../ports/accounts/account-store.ts";
import type { Gate } from "../ports/custody/gate.ts";
import type { HoldPromise } from "../ports/custody/hold-promise.ts";
import type { IncarnationRecord, IncarnationStore } from "../ports/custody/incarnation-store.ts";
import type { TokenStore } from "../ports/custody/token-store.ts";

/** The host's demands on an account. */
export interface Keepable {
  start(): Promise<void>;
  /** Takes the current record from the database. */
  refresh(record: AccountRecord): void;
  /** Resolves when the account has stopped and its token is free. */
  stop(): Promise<void>;
  /** False while a login or a renewal is under way: a move to another host would end it. */
  readonly mayMove: boolean;
}

export interface HostOptions<Account extends Keepable> {
  readonly accounts: Pick<AccountStore, "changes" | "find">;
  readonly tokens: Pick<TokenStore, "heldBy" | "releaseAll">;
  readonly incarnations: Pick<IncarnationStore, "register" | "predecessors" | "release">;
  readonly gate: Gate;
  readonly takeover: Takeover;
  /** Identifies this process, so that a later host can prove it is gone. */
  readonly proof: Readonly<Record<string, unknown>>;
  /** This host's promise to its successors. */
  readonly promise?: HoldPromise;
  /** Resolves with true when nothing of an earlier incarnation of this host can act any more. */
  proveSilence(of: IncarnationRecord): Promise<boolean>;
  /** Accounts of the fleet that are new or have changed. */
  onChanged?(accounts: readonly AccountRecord[]): void;
  /** Tells a person that a predecessor is waited for, and why. */
  onWait(incarnation: string): void;
  makeAccount(record: AccountRecord): Account;
  makeCustodian(keeping: AccountKeeping): Custodian;
}

export interface BringUpOptions<Account extends Keepable> {
  /** This host's part in the fleet, which has been read. */
  readonly part: Pick<FleetPart, "startBeats" | "untilServing">;
  /** Tells the gate that accounts may be placed here. */
  tellServing(): void;
  /** An account has begun here; the returned function is called when it has ended. */
  onBegun(account: Account): () => void;
  /** Further preparation before accounts come here; runs beside the wait for predecessors. */
  prepare?(): Promise<unknown>;
  /** Aborts when this host is to stop: the start is left where it stands. */
  readonly signal: AbortSignal;
}

/** The accounts of this host. */
export interface Host<Account extends Keepable> {
  /**
   * Starts this host. Resolves when it has taken up the accounts that belong here, or when `signal`
   * aborts. Throws the errors of the stores, and INCARNATION_ENDED: then another process must begin
   * anew.
   */
  bringUp(options: BringUpOptions<Account>): Promise<void>;
  /** The account, if it runs here. */
  find(name: string): Account | null;
  /** The kind of an account, wherever it runs; null: this host does not know the account. */
  kindOf(name: string): AccountKind | null;
  /** As this host last read it; null as for `kindOf`. */
  known(name: string): Pick<AccountRecord, "kind" | "bot"> | null;
  /** A Telegram user that is an account of this fleet. */
  isFleets(userId: string): boolean;
  all(): readonly Account[];
  /** Reads now which accounts there are, as news of one may have been lost. Rejects as the store. */
  learn(): Promise<void>;
  /** Looks for accounts that were just added to the database. */
  adopt(): Promise<void>;
  /** Hands every account over and gives the tokens back. Afterwards this incarnation is over, unless it `goesOn`. */
  stop(how?: { readonly goesOn: boolean }): Promise<void>;
}

export function createHost<Account extends Keepable>(options: HostOptions<Account>): Host<Account> {
  const { accounts, tokens, incarnations, gate, takeover } = options;
  const self = { id: gate.incarnation, host: gate.host };
  const running = new Map<string, { readonly account: Account; readonly ended: () => void }>();
  let onBegun: BringUpOptions<Account>["onBegun"] = () => () => {};
  let isUp = false;
  let stopBeats = () => {};

  async function begin(name: string): Promise<void> {
    if (running.has(name)) return;
    const record = await accounts.find(name);
    if (record === null || record.wanted === "stop") return;
    const account = options.makeAccount(record);
    running.set(name, { account, ended: onBegun(account) });
    await account.start();
  }

  async function end(name: string): Promise<void> {
    const found = running.get(name);
    if (found === undefined) return;
    await found.account.stop();
    found.ended();
    running.delete(name);
  }

  /**
   * The gate is the same and has cut the dead node's connections. That is proof, so its tokens are
   * freed at once.
   */
  async function freeOwnTokens(): Promise<void> {
    const held = await tokens.heldBy(gate.incarnation);
    await Promise.all(held.map(({ account, slot, epoch }) => gate.cut({ account, slot, epoch })));
    if (held.length > 0) await tokens.releaseAll(held, gate.incarnation);
  }

  /** Frees the tokens of a dead predecessor, as far as its end is proven or waited out. */
  async function inherit(): Promise<void> {
    await freeOwnTokens();
    await Promise.all((await incarnations.predecessors(self)).map(endPredecessor));
  }

  async function endPredecessor(predecessor: IncarnationRecord): Promise<void> {
    options.onWait(predecessor.id);
    const target = { incarnation: predecessor.id, host: predecessor.host };
    for (;;) {
      const proof = options.proveSilence(predecessor);
      const outcome = await takeover.take(target, { force: true, proof });
      if (outcome.ended) return;
    }
  }

  const roll = createAccountRoll({
    accounts,
    onChanged(records) {
      options.onChanged?.(records);
      for (const record of records) running.get(record.name)?.account.refresh(record);
    },
  });

  const inTurn = serially();
  const learn = () => inTurn(roll.look);

  const custodian = options.makeCustodian({
    async names() {
      await learn();
      return roll.names;
    },
    begin,
    end,
    mayMove: (name) => running.get(name)?.account.mayMove ?? true,
  });

  /**
   * The order matters. A beat before the incarnation is recorded would read as a restore of
   * Postgres. Other hosts give accounts at once to a host that serves, so no wait for a predecessor
   * may remain.
   */
  async function bringUp(to: BringUpOptions<Account>): Promise<void> {
    onBegun = to.onBegun;
    const isLeft = () => to.signal.aborted;
    const { proof, promise } = options;
    await incarnations.register({ ...self, proof, ...(promise === undefined ? {} : { promise }) });
    if (isLeft()) return;
    stopBeats = to.part.startBeats();
    await orAborted(Promise.all([inherit(), to.prepare?.()]), to.signal);
    if (isLeft()) return;
    to.tellServing();
    await orAborted(to.part.untilServing(), to.signal);
    if (isLeft()) return;
    isUp = true;
    await custodian.start();
  }

  return {
    bringUp,
    kindOf: roll.kindOf,
    known: roll.find,
    isFleets: roll.isFleets,
    learn,
    find: (name) => running.get(name)?.account ?? null,
    all: () => [...running.values()].map(({ account }) => account),
    // Before this host is up there is nothing to look at, and afterwards everything is.
    adopt: async () => void (isUp && (await custodian.look())),
    async stop({ goesOn } = { goesOn: false }) {
      await custodian.stop();
      if (goesOn) return;
      stopBeats();
      await incarnations.release(gate.incarnation);
    },
  };
}
