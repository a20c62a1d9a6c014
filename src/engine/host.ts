import type { AccountRecord, AccountStore } from "../ports/account-store.ts";
import type { Clock } from "../ports/clock.ts";
import type { Gate } from "../ports/gate.ts";
import type { TokenStore } from "../ports/token-store.ts";
import { type Account, interruptedRenewal } from "./account.ts";

export interface HostOptions {
  readonly accounts: AccountStore;
  readonly tokens: TokenStore;
  readonly gate: Gate;
  readonly clock: Clock;
  /** How long a silent predecessor's tokens must rest after its revocation, in milliseconds. */
  readonly takeMs: number;
  readonly proof: Readonly<Record<string, unknown>>;
  /** Tells a person that the start takes this long, and why. */
  onWait(incarnation: string, waitMs: number): void;
  makeAccount(record: AccountRecord): Account;
}

/** The accounts of this host. */
export interface Host {
  /** Frees what a dead predecessor held, as far as that is proven or waited out, then starts every account. */
  start(): Promise<void>;
  find(name: string): Account | null;
  all(): readonly Account[];
  /** Starts an account that was just added to the database. */
  adopt(name: string): Promise<Account | null>;
  /** Stops every account and gives the tokens back. */
  stop(): Promise<void>;
}

export function createHost(options: HostOptions): Host {
  const { accounts, tokens, gate, clock } = options;
  const running = new Map<string, Account>();

  async function begin(record: AccountRecord): Promise<Account> {
    const known = running.get(record.name);
    if (known !== undefined) return known;
    const open = await accounts.openRenewal(record.name);
    if (open !== null) await accounts.abortRenewal(open.id, interruptedRenewal(open));
    const current = open === null ? record : await accounts.find(record.name);
    const account = options.makeAccount(current ?? record);
    running.set(record.name, account);
    await account.start();
    return account;
  }

  /** The gate is the same one, so what the dead node held is cut: that is proof, and it frees at once. */
  async function freeOwnTokens(): Promise<void> {
    for (const { account, slot, epoch } of await tokens.heldBy(gate.incarnation)) {
      await gate.cut({ account, slot, epoch });
      await tokens.apply({ account, slot }, { type: "released", epoch });
    }
  }

  async function outwaitPredecessors(): Promise<void> {
    const self = { id: gate.incarnation, host: gate.host };
    for (const { id, state } of await tokens.predecessors(self)) {
      if (state === "LIVE") await tokens.revokeIncarnation(id);
    }
    for (const { id, endedForMs } of await tokens.predecessors(self)) {
      const waitMs = Math.max(0, options.takeMs - (endedForMs ?? 0));
      if (waitMs > 0) options.onWait(id, waitMs);
      await new Promise<void>((resolve) => clock.schedule(waitMs, resolve));
      await tokens.silenceIncarnation(id);
    }
  }

  async function register(): Promise<void> {
    const { incarnation: id, host } = gate;
    await tokens.registerIncarnation({ id, host, proof: options.proof });
  }

  return {
    async start() {
      await register();
      await freeOwnTokens();
      await outwaitPredecessors();
      await Promise.all((await accounts.list()).map(begin));
    },
    find: (name) => running.get(name) ?? null,
    all: () => [...running.values()],
    async adopt(name) {
      const record = await accounts.find(name);
      return record === null ? null : begin(record);
    },
    async stop() {
      await Promise.all([...running.values()].map((account) => account.stop()));
      await tokens.releaseIncarnation(gate.incarnation);
    },
  };
}
