import type { AccountKind } from "../../machines/lifecycle.ts";
import { createAccountRoll } from "./account-roll.ts";
import type { Custodian } from "../custody/custodian.ts";
import type { AccountKeeping } from "../custody/fleet-part.ts";
import type { Takeover } from "../custody/takeover.ts";
import type { AccountRecord, AccountStore } from "../ports/account-store.ts";
import type { Gate } from "../ports/gate.ts";
import type { IncarnationRecord, IncarnationStore } from "../ports/incarnation-store.ts";
import type { TokenStore } from "../ports/token-store.ts";

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
  /** An account has begun here; the returned function is called when it has ended. */
  onBegun(account: Account): () => void;
  makeCustodian(keeping: AccountKeeping): Custodian;
}

/** The accounts of this host. */
export interface Host<Account extends Keepable> {
  /** Records this host's incarnation; nothing is granted to it before. */
  register(): Promise<void>;
  /** Frees what a dead predecessor held, as far as that is proven or waited out. */
  inherit(): Promise<void>;
  /** Takes up the accounts that belong here. */
  start(): Promise<void>;
  /** The account, if it runs here. */
  find(name: string): Account | null;
  /** What kind of account it is, wherever it runs; null for one that this host has not heard of. */
  kindOf(name: string): AccountKind | null;
  all(): readonly Account[];
  /** Looks for accounts that were just added to the database. */
  adopt(): Promise<void>;
  /** Hands every account over and gives the tokens back. */
  stop(): Promise<void>;
}

export function createHost<Account extends Keepable>(options: HostOptions<Account>): Host<Account> {
  const { accounts, tokens, incarnations, gate, takeover } = options;
  const self = { id: gate.incarnation, host: gate.host };
  const running = new Map<string, { readonly account: Account; readonly ended: () => void }>();

  async function begin(name: string): Promise<void> {
    if (running.has(name)) return;
    const record = await accounts.find(name);
    if (record === null || record.wanted === "stop") return;
    const account = options.makeAccount(record);
    running.set(name, { account, ended: options.onBegun(account) });
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

  return {
    async register() {
      await incarnations.register({ ...self, proof: options.proof });
    },
    async inherit() {
      await freeOwnTokens();
      await Promise.all((await incarnations.predecessors(self)).map(endPredecessor));
    },
    start: () => custodian.start(),
    kindOf: roll.kindOf,
    find: (name) => running.get(name)?.account ?? null,
    all: () => [...running.values()].map(({ account }) => account),
    adopt: () => custodian.look(),
    async stop() {
      await custodian.stop();
      await incarnations.release(gate.incarnation);
    },
  };
}
