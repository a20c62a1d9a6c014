import type { Grants } from "./grants.ts";
import { once } from "../concurrency/once.ts";
import { HoldfastError } from "../errors.ts";
import type { SlotNeeds } from "../ports/accounts/account-store.ts";
import type { GrantRef } from "../ports/custody/gate.ts";
import {
  defaultDevice,
  type TelegramClient,
  type TelegramClientEvents,
} from "../ports/telegram/telegram.ts";
import { stepOfNewKey } from "./steps.ts";
import type { AccountWorld } from "./context.ts";
import { createWaitingClient } from "./waiting-client.ts";
import type { CalledMethod } from "./waits.ts";

/** A client of one slot under one grant, and the way to end both. */
export interface SlotConnection {
  readonly grant: GrantRef;
  readonly client: TelegramClient;
  /** Telegram asked for silence until then, in milliseconds since 1970; null for no such wait. */
  readonly coolingUntilMs: number | null;
  /**
   * Makes the wire; the token is `connected` when it resolves. Rejects, with nothing dialled, where a wait forbids
   * `first`, the call that the wire is for; null for one that has no such call.
   */
  connect(first: CalledMethod | null): Promise<void>;
  /** Ends the client, cuts its sockets with proof, frees the token once `written` is over. Safe to call twice. */
  end(written?: Promise<unknown>): Promise<void>;
}

export type SlotEvents = Omit<TelegramClientEvents, "onSession"> & {
  /** Telegram wants the whole account to send nothing for so long. */
  onSilence?(waitSeconds: number): void;
};

/** What is on its way for a grant. */
export interface AheadOfSlot {
  /** Resolves when the grant's floor is raised. */
  readonly raised: Promise<void>;
  /** As Postgres has them since the grant. */
  readonly needs: Promise<SlotNeeds>;
}

/**
 * Prepares a client for a slot under a grant. Nothing is dialled before `connect`. A new key is
 * stored before the client may use it. Throws the errors of the gate and the stores.
 * @param ahead by default both are asked for here
 */
export async function openSlot(
  world: AccountWorld,
  grants: Pick<Grants, "free">,
  grant: GrantRef,
  events: SlotEvents,
  ahead?: AheadOfSlot,
): Promise<SlotConnection> {
  const { accounts, gate, tokens } = world;
  const raised = ahead?.raised ?? world.claims.confirm(grant);
  raised.catch(() => undefined);
  const needs = ahead?.needs ?? accounts.needs(grant);
  const way = await wayOf(world, grant.account, needs);
  const { session, serverSalt, driver, device, proxy, coolingUntilMs } = way;
  const permit = { ...grant, keyId: session?.keyId ?? null, proxy };
  let isAllowed = false;
  let allow = (): void => {};
  const allowed = new Promise<void>((resolve) => (allow = resolve));
  const opened = driver.open({
    session: session?.bytes ?? null,
    serverSalt,
    device,
    dial: (to) => gate.dial(permit, to, allowed),
    events: { ...events, onSession: (made) => accounts.saveSession(grant, made, stepOfNewKey) },
  });
  const client = createWaitingClient(opened, world.waits, events.onSilence);
  const connect = once(() => client.connect());
  // Its first call is made while the floor is being raised, and waits at the way to the gate.
  if (ahead !== undefined) connect().catch(() => undefined);
  try {
    await Promise.all([raised, world.waits.load()]);
  } catch (error) {
    await client.close();
    throw error;
  }
  let writing: Promise<unknown> | undefined;
  const endOnce = once(async () => {
    const idle = !isAllowed || client.callsInFlight === 0;
    const { serverSalt: newest } = client;
    const after = Promise.all([client.close(), writing]);
    await grants.free(grant, { idle, after, serverSalt: newest });
  });
  return {
    grant,
    client,
    coolingUntilMs,
    async connect(first) {
      if (first !== null) world.waits.refuse(first);
      isAllowed = true;
      allow();
      await connect();
      const connected = await tokens.connected(grant);
      if (!connected.applied) throw tokenLost(grant);
      world.claims.taken(grant);
    },
    end(written) {
      writing ??= written;
      return endOnce();
    },
  };
}

/** The session, the library, the device and the proxy of an account's connections. */
async function wayOf(
  { accounts, drivers }: AccountWorld,
  name: string,
  needs: AheadOfSlot["needs"],
) {
  const { record: account, session, serverSalt } = await needs;
  const [driver, proxy] = await Promise.all([
    drivers.of(account?.driver ?? "mtcute"),
    account?.hasProxy === true ? accounts.proxy(name) : null,
  ]);
  const { device = defaultDevice, coolingUntilMs = null } = account ?? {};
  return { session, serverSalt, driver, device, proxy, coolingUntilMs };
}

export function tokenLost({ account, slot, epoch }: GrantRef): HoldfastError {
  return new HoldfastError({
    code: "TOKEN_LOST",
    message: `The token of ${account} slot ${slot} is no longer held under epoch ${epoch}.`,
    next: "Nothing is sent any more; the account is sought again by itself.",
    policy: "retryable",
  });
}
