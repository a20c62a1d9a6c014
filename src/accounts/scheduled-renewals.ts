import type { AccountStores, ServingKey } from "../ports/accounts/account-store.ts";
import type { EventSink } from "../ports/accounts/event-sink.ts";
import type { Clock } from "../concurrency/clock.ts";
import type { Account } from "./account.ts";
import { renewalByDefault } from "./login/methods.ts";
import { dueAt, type RenewalSchedule } from "./renewal/schedule.ts";
import { personNeeded, whatStandsAgainst } from "./renewal/unattended.ts";

/** Longer timers are set again on the way, so that changes in between are seen. */
const lookMsMax = 3_600_000;
/** Accounts that become active together are looked at together. */
const gatherMs = 50;

export interface RenewalTriggers {
  /** Accounts here have come to serve, or the clock says so. */
  look(): void;
  stop(): void;
}

/**
 * Begins renewals without a person's request: scheduled ones, and the fresh key of an imported
 * session.
 */
export function createRenewalTriggers(options: {
  readonly accounts: Pick<AccountStores, "servingKeys" | "recordNotBegun">;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly schedule: RenewalSchedule | null;
  /** Those that serve here. */
  serving(): readonly Account[];
  onFault(error: unknown): void;
}): RenewalTriggers {
  const { accounts, clock, schedule, events } = options;
  let cancel = () => {};
  let isSoon = false;
  let stopped = false;

  /** Null: never by itself. */
  function due(
    key: ServingKey,
  ): { readonly atMs: number; begin(account: Account): Promise<unknown> } | null {
    const { account, slot, origin, triedMs } = key;
    if (origin === "imported" && triedMs === null) {
      const id = `fresh-key-${account}-${slot}`;
      return { atMs: 0, begin: (one) => one.renew(id, "handoff") };
    }
    if (schedule === null) return null;
    const atMs = dueAt(key, schedule);
    const id = `scheduled-${account}-${slot}-${new Date(atMs).toISOString()}`;
    return { atMs, begin: (one) => beginUnattended(id, key, one) };
  }

  /** Telegram sends no code where a person would have to act on it: the person is told once, and the key serves on. */
  async function beginUnattended(id: string, key: ServingKey, one: Account): Promise<void> {
    const reason = await whatStandsAgainst(one, key);
    if (reason === null) return void (await one.renew(id, "auto"));
    const { account, slot, kind } = key;
    const renewal = { id, account, method: renewalByDefault(kind), slot, reason };
    const isNews = await accounts.recordNotBegun(renewal);
    if (!isNews || reason.code !== personNeeded) return;
    const message = `the key of slot ${slot} is due for a renewal, and ${reason.message}; it serves on`;
    events.report({ type: "note", account, code: "RENEWAL_NEEDS_PERSON", message, of: id });
  }

  async function lookNow(): Promise<void> {
    isSoon = false;
    const here = new Map(options.serving().map((account) => [account.name, account]));
    let nextMs = lookMsMax;
    for (const key of await accounts.servingKeys([...here.keys()])) {
      const found = due(key);
      const account = here.get(key.account);
      if (found === null || account === undefined || stopped) continue;
      const leftMs = found.atMs - clock.now();
      // One account's fault is no other's.
      if (leftMs <= 0) await found.begin(account).catch(options.onFault);
      else nextMs = Math.min(nextMs, leftMs);
    }
    if (schedule !== null) lookIn(nextMs);
  }

  function lookIn(ms: number): void {
    cancel();
    if (stopped) return;
    cancel = clock.schedule(ms, () => {
      lookNow().catch((error: unknown) => {
        options.onFault(error);
        lookIn(lookMsMax);
      });
    });
  }

  return {
    look() {
      if (isSoon) return;
      isSoon = true;
      lookIn(gatherMs);
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}
