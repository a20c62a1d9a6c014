import { initialTransition, transition } from "xstate";
import { type LifecycleEvent, lifecycleMachine } from "../../machines/lifecycle.ts";
import type { Clock } from "../concurrency/clock.ts";
import { within } from "../concurrency/wait.ts";
import type { AccountStores } from "../ports/accounts/account-store.ts";
import type { TokenStore } from "../ports/custody/token-store.ts";
import type { WaitStore } from "../ports/telegram/waits.ts";

export interface RehearsalStores {
  readonly accounts: Pick<
    AccountStores,
    "needs" | "loadSession" | "openRenewal" | "telegramUser" | "recordTransition"
  >;
  readonly tokens: Pick<TokenStore, "grant" | "connected" | "released">;
  readonly waits: Pick<WaitStore, "inForce">;
  /** Each runs so many statements at once. */
  readonly connections: { readonly custody: number; readonly others: number };
}

/** No account's name is empty: its statements find nothing, and change nothing. */
const nobody = "";
const grant = { account: nobody, slot: 1, epoch: 1 };
const oftenEnough = 8;
/** A start waits no longer for it: behind a locked table the first account plans for itself. */
const rehearsalMsMax = 2_000;

/**
 * Lets each connection parse and plan what a handover asks of Postgres, and steps the lifecycle through one. The first
 * run of a statement or of code takes several times as long as the second, and an account on its way waits for it.
 * Changes nothing. Never rejects: what fails here shows with the first account.
 */
export async function rehearseHandover(
  stores: RehearsalStores,
  clock: Pick<Clock, "schedule">,
): Promise<void> {
  const { accounts, tokens, waits, connections } = stores;
  const { custody, others } = connections;
  rehearseLifecycle();
  const tooLate = new AbortController();
  const asked = Promise.all([
    onEach(custody, tooLate.signal, [
      () => tokens.grant(grant, nobody),
      () => accounts.loadSession(grant),
      () => accounts.needs(grant),
      () => accounts.openRenewal(nobody),
      () => accounts.recordTransition(nowhere),
      () => accounts.telegramUser(nobody),
      () => tokens.connected(grant),
      () => tokens.released(grant),
    ]),
    onEach(others, tooLate.signal, [() => waits.inForce([nobody], 0)]),
  ]);
  await within(clock, rehearsalMsMax, asked.then(nothing), () => tooLate.abort());
}

/** A pool gives each of several statements at once a connection of its own. */
async function onEach(
  connections: number,
  tooLate: AbortSignal,
  statements: readonly (() => Promise<unknown>)[],
): Promise<void> {
  for (const statement of statements) {
    if (tooLate.aborted) return;
    await Promise.allSettled(Array.from({ length: connections }, statement));
  }
}

const nothing = (): void => {};

const nowhere = {
  account: nobody,
  renewal: null,
  from: "connecting",
  to: "active",
  event: "client.ready",
  epoch: 1,
  reason: null,
  step: null,
} as const;

const aHandover: readonly LifecycleEvent[] = [
  { type: "token.granted", epoch: 1 },
  { type: "client.ready" },
  { type: "stop" },
  { type: "drained" },
  { type: "released" },
];

const aBot = { account: nobody, kind: "bot", slot: 1, pauseWanted: false } as const;

function rehearseLifecycle(): void {
  for (let run = 0; run < oftenEnough; run += 1) {
    let [snapshot] = initialTransition(lifecycleMachine, aBot);
    for (const event of aHandover) {
      if (snapshot.can(event)) [snapshot] = transition(lifecycleMachine, snapshot, event);
    }
  }
}
