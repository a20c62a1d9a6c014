import { serially } from "../concurrency/serially.ts";
import { wait } from "../concurrency/wait.ts";
import type { AccountStores } from "../ports/accounts/account-store.ts";
import { faultReason, isDeadKey } from "../ports/telegram/telegram-error.ts";
import type { AccountWorld } from "./context.ts";
import type { Grants } from "./grants.ts";
import { untilDone } from "./handler-parts.ts";
import type { RenewalHandlers } from "./renewal/handlers.ts";
import type { RestContext } from "./retry.ts";
import type { Visit } from "./runtime.ts";
import type { ServingSlot } from "./serving-slot.ts";
import { firstOfServing } from "./waiting-client.ts";

export interface SeekingParts {
  readonly world: RestContext & {
    readonly accounts: Pick<AccountStores, "loadSession" | "needs" | "find" | "openRenewal">;
    readonly waits: Pick<AccountWorld["waits"], "restMs">;
  };
  readonly grants: Pick<Grants, "seek" | "free">;
  readonly serving: Pick<ServingSlot, "prepare" | "end">;
  /** Of a renewal whose process has died. */
  readonly abort: RenewalHandlers["abort"];
}

/** Seeks the token of a slot after a rest, until it has it or its visit is over. */
export type Seek = (slot: number, visit: Visit, restMs: number) => Promise<void>;

/**
 * One at a time: what an earlier visit asked for may still be granted to it, and it ends what it was given. A later
 * one that served by then would be ended with it.
 */
export function createSeeking({ world, grants, serving, abort }: SeekingParts): Seek {
  const { account, accounts, clock } = world;
  const inTurn = serially();

  /** Of the account as long as nobody else holds its token. */
  async function look() {
    const [record, renewal] = await Promise.all([
      accounts.find(account),
      accounts.openRenewal(account),
    ]);
    return { record, renewal };
  }

  async function seek(slot: number, visit: Visit, backoffMs: number): Promise<void> {
    if (visit.signal.aborted) return;
    const ref = { account, slot };
    try {
      await accounts.loadSession(ref);
    } catch (error) {
      if (!isDeadKey(error)) throw error;
      const grant = { slot, epoch: 0 };
      visit.emit({ type: "key.dead", grant, reason: faultReason(error) });
      return;
    }
    // Never before Telegram's own wait is over.
    const restMs = Math.max(backoffMs, world.waits.restMs(firstOfServing.method));
    if (restMs > 0) await wait(clock, restMs, visit.signal);
    if (visit.signal.aborted) return;
    let looking: ReturnType<typeof look> | null = null;
    const grant = await grants.seek(ref, visit.signal, (granted, raised) => {
      const needs = accounts.needs(ref);
      looking = needs;
      looking.catch(() => undefined);
      serving.prepare(granted, { raised, needs });
    });
    if (grant === null) return;
    // The account cannot move while its token is held: the slot that serves now is the connected one.
    let now = slot;
    await untilDone(world, visit.signal, async () => {
      const looked = looking ?? look();
      looking = null;
      const { record, renewal } = await looked;
      await abort(renewal);
      now = record?.servingSlot ?? slot;
    });
    if (now === slot && !visit.signal.aborted) {
      return visit.emit({ type: "token.granted", epoch: grant.epoch });
    }
    await serving.end();
    await grants.free(grant, { idle: true });
    visit.emit({ type: "slot.moved", slot: now });
  }

  return (slot, visit, restMs) => inTurn(() => seek(slot, visit, restMs));
}
