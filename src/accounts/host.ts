import type { AccountKind } from "../../machines/lifecycle.ts";
import { orAborted } from "../concurrency/or-aborted.ts";
import { createAccountRoll } from "./known-accounts.ts";
import type { Custodian } from "../custody/custodian.ts";
import type { AccountKeeping, FleetPart } from "../custody/node-side.ts";
import type { Takeover } from "../custody/takeover.ts";
import type { AccountRecord, AccountStore } from "../ports/accounts/account-store.ts";
import type { Gate } from "../ports/custody/gate.ts";
import type { IncarnationRecord, IncarnationStore } from "../ports/custody/incarnation-store.ts";
import type { TokenStore } from "../ports/custody/token-store.ts";

/** What a host needs an account to do. */
export interface Keepable {
  start(): Promise<void>;
  /** What the database says of it now. */
  refresh(record: AccountRecord): void;
  /** Resolves when the account has stopped and its token is free. */
  stop(): Promise<void>;
  /** False while a login or a renewal is under way, which a move to another host would end. */
  readonly mayMove: boolean;
}

export interface HostOptions<Account extends Keepable> {
  readonly accounts: Pick<AccountStore, "changes" | "find">;
  readonly tokens: Pick<TokenStore, "heldBy" | "releaseAll">;
  readonly incarnations: Pick<IncarnationStore, "register" | "predecessors" | "release">;
  readonly gate: Gate;
  readonly takeover: Takeover;
  /** How this process can be told from others, for whoever has to prove later that it ended. */
  readonly proof: Readonly<Record<string, unknown>>;
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
  /** What else must be ready before accounts come here; runs beside the wait for predecessors. */
  prepare?(): Promise<unknown>;
  /** Aborts when this host is to stop: the start is left where it stands. */
  readonly signal: AbortSignal;
}

/** The accounts of this host. */
export interface Host<Account extends Keepable> {
  /**
   * Starts this host; resolves when it has taken up the accounts that belong here, or when `signal` aborts. Throws
   * what the stores throw, and INCARNATION_ENDED: another process must begin anew then.
   */
  bringUp(options: BringUpOptions<Account>): Promise<void>;
  /** The account, if it runs here. */
  find(name: string): Account | null;
  /** What kind of account it is, wherever it runs; null for one that this host has not heard of. */
  kindOf(name: string): AccountKind | null;
  all(): readonly Account[];
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

  /** The gate is the same one, so what the dead node held is cut: that is proof, and it frees at once. */
  async function freeOwnTokens(): Promise<void> {
    const held = await tokens.heldBy(gate.incarnation);
    await Promise.all(held.map(({ account, slot, epoch }) => gate.cut({ account, slot, epoch })));
    if (held.length > 0) await tokens.releaseAll(held);
  }

  /** Frees what a dead predecessor held, as far as that is proven or waited out. */
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

  const custodian = options.makeCustodian({
    async names() {
      await roll.look();
      return roll.names;
    },
    begin,
    end,
    mayMove: (name) => running.get(name)?.account.mayMove ?? true,
  });

  /**
   * The order matters. Beats before the incarnation is recorded would read as a restore of Postgres. A host that
   * says that it serves is given accounts by others at once, so nothing of a predecessor may be left to wait for.
   */
  async function bringUp(to: BringUpOptions<Account>): Promise<void> {
    onBegun = to.onBegun;
    const isLeft = () => to.signal.aborted;
    await incarnations.register({ ...self, proof: options.proof });
    if (isLeft()) return;
    to.part.startBeats();
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
    find: (name) => running.get(name)?.account ?? null,
    all: () => [...running.values()].map(({ account }) => account),
    // Before this host is up there is nothing to look at, and afterwards everything is.
    adopt: async () => void (isUp && (await custodian.look())),
    async stop({ goesOn } = { goesOn: false }) {
      await custodian.stop();
      if (!goesOn) await incarnations.release(gate.incarnation);
    },
  };
}
