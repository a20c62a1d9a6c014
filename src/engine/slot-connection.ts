import { HoldfastError } from "../errors.ts";
import type { GrantRef } from "../ports/gate.ts";
import type { DriverName, TelegramClient, TelegramClientEvents } from "../ports/telegram.ts";
import type { SlotRef } from "../ports/token-store.ts";
import type { AccountWorld } from "./account-world.ts";

/** A client of one slot under one grant, and the way to end both. */
export interface SlotConnection {
  readonly grant: GrantRef;
  readonly client: TelegramClient;
  /** Makes the wire; the token is `connected` when it resolves. */
  connect(): Promise<void>;
  /** Ends the client, cuts its sockets with proof, frees the token. Safe to call twice. */
  end(): Promise<void>;
}

export type SlotEvents = Omit<TelegramClientEvents, "onSession">;

/**
 * Cuts with proof, then frees the token. A token that moved on is left to whoever has it. `idle`: every request under
 * the grant was answered.
 */
export async function freeToken(world: AccountWorld, grant: GrantRef, idle = false): Promise<void> {
  await world.gate.cut(grant, { idle });
  await world.tokens.apply(grant, { type: "released", epoch: grant.epoch });
  world.claims.freed(grant);
}

/** What is read of a slot before a client of it is opened. */
export interface SlotLoad {
  readonly driver: DriverName;
  readonly session: { readonly keyId: string; readonly bytes: Uint8Array } | null;
}

/** Read under a grant: nobody else changes it then. */
export async function loadSlot(
  { accounts }: Pick<AccountWorld, "accounts">,
  ref: SlotRef,
): Promise<SlotLoad & { readonly servingSlot: number | null }> {
  const [record, session] = await Promise.all([
    accounts.find(ref.account),
    accounts.loadSession(ref),
  ]);
  return { driver: record?.driver ?? "mtcute", servingSlot: record?.servingSlot ?? null, session };
}

/**
 * Prepares a client for a slot under a grant. Nothing is dialled before `connect`. A new key is stored
 * before the client may use it. Throws what the gate or the stores throw.
 */
export async function openSlot(
  world: AccountWorld,
  grant: GrantRef,
  events: SlotEvents,
  loaded?: SlotLoad,
): Promise<SlotConnection> {
  const { accounts, gate, drivers, tokens } = world;
  const [{ session, driver: driverName }] = await Promise.all([
    loaded ?? loadSlot(world, grant),
    world.claims.confirm(grant),
  ]);
  const driver = await drivers.of(driverName);
  await gate.admit({ ...grant, keyId: session?.keyId ?? null });
  const client = driver.open({
    session: session?.bytes ?? null,
    dial: (to) => gate.dial(grant, to),
    events: { ...events, onSession: (made) => accounts.saveSession(grant, made) },
  });
  let ended: Promise<void> | null = null;
  return {
    grant,
    client,
    async connect() {
      await client.connect();
      const connected = await tokens.apply(grant, { type: "connected", epoch: grant.epoch });
      if (!connected.applied) throw tokenLost(grant);
    },
    end() {
      const idle = client.callsInFlight === 0;
      ended ??= client
        .close()
        .then(() => freeToken(world, grant, idle))
        .catch((error: unknown) => {
          ended = null;
          throw error;
        });
      return ended;
    },
  };
}

export function tokenLost({ account, slot, epoch }: GrantRef): HoldfastError {
  return new HoldfastError({
    code: "TOKEN_LOST",
    message: `The token of ${account} slot ${slot} is no longer held under epoch ${epoch}.`,
    next: "Nothing is sent any more; the account is sought again by itself.",
    policy: "retryable",
  });
}

/** Events of a client that serves nobody: only what its own calls answer counts. */
export const silentEvents: SlotEvents = {
  onUpdates: () => {},
  onServiceMessage: () => {},
  onDisconnected: () => {},
  onConnected: () => {},
  onEnded: () => {},
  onDeadKey: () => {},
};
