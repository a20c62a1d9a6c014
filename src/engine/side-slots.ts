import { HoldfastError } from "../errors.ts";
import { TelegramError } from "../ports/telegram-error.ts";
import type { SlotRef } from "../ports/token-store.ts";
import type { AccountWorld } from "./account-world.ts";
import type { LoginCodes } from "./login-codes.ts";
import { openSlot, silentEvents, type SlotConnection } from "./slot-connection.ts";

/** Slots that do not serve: authorising new ones, logging out old ones. One such job at a time per account. */
export interface SideSlots {
  /** Makes a key and authorises it. Rejects with the reason; the PENDING slot stays to be discarded. */
  authorise(signal: AbortSignal, onCodeRequested: () => void): Promise<SlotRef>;
  /** Logs out every slot that no longer serves or never will; `false` when one has to be tried again. */
  tidy(serving: number, signal: AbortSignal): Promise<boolean>;
}

export function createSideSlots(world: AccountWorld, codes: LoginCodes): SideSlots {
  let tail: Promise<unknown> = Promise.resolve();

  function alone<T>(job: () => Promise<T>): Promise<T> {
    const run = tail.then(job);
    tail = run.catch(() => undefined);
    return run;
  }

  /** Runs `use` with a connection of the slot, and ends it whatever happens, also when `signal` aborts. */
  async function withSlot<T>(
    ref: SlotRef,
    signal: AbortSignal,
    use: (connection: SlotConnection) => Promise<T>,
  ): Promise<T> {
    const grant = await world.claims.claim(ref);
    if (grant === null) throw slotBusy(ref);
    const connection = await openSlot(world, grant, silentEvents);
    const stop = () => void connection.end().catch(() => undefined);
    signal.addEventListener("abort", stop, { once: true });
    try {
      signal.throwIfAborted();
      await connection.connect();
      return await use(connection);
    } finally {
      signal.removeEventListener("abort", stop);
      await connection.end();
    }
  }

  async function signIn({ client }: SlotConnection, signal: AbortSignal, asked: () => void) {
    const credentials = await world.accounts.credentials(world.account);
    if (credentials.kind === "bot") {
      await client.signInBot(credentials.token);
      return;
    }
    const given = new AbortController();
    const code = codes.expect(AbortSignal.any([signal, given.signal]));
    code.catch(() => undefined);
    try {
      const { phone } = credentials;
      const { codeHash } = await client.requestCode(phone);
      asked();
      await client.signIn({ phone, codeHash, code: await code });
    } finally {
      given.abort();
    }
  }

  async function logOut(ref: SlotRef, keyId: string | null, signal: AbortSignal): Promise<void> {
    if (keyId !== null) {
      await withSlot(ref, signal, ({ client }) => client.logOut()).catch((error: unknown) => {
        if (!isLoggedOut(error)) throw error;
      });
    }
    await world.accounts.forgetSlot(ref);
  }

  return {
    authorise: (signal, onCodeRequested) =>
      alone(async () => {
        const ref = await world.accounts.addSlot(world.account);
        await withSlot(ref, signal, async (connection) => {
          await signIn(connection, signal, onCodeRequested);
          await connection.client.self();
        });
        signal.throwIfAborted();
        return ref;
      }),
    tidy: (serving, signal) =>
      alone(async () => {
        const renewal = await world.accounts.openRenewal(world.account);
        let clean = true;
        for (const { account, slot, state, keyId } of await world.accounts.slots(world.account)) {
          if (signal.aborted) return true;
          if (slot === serving || (state !== "RETIRING" && state !== "PENDING")) continue;
          if (renewal !== null && (slot === renewal.fromSlot || slot === renewal.toSlot)) {
            clean = false;
            continue;
          }
          await logOut({ account, slot }, keyId, signal).catch((error: unknown) => {
            clean = false;
            if (signal.aborted) return;
            world.events.report({
              type: "note",
              account: world.account,
              code: "SLOT_NOT_LOGGED_OUT",
              message: `slot ${slot} will be tried again: ${String(error)}`,
            });
          });
        }
        return clean;
      }),
  };
}

/** On a slot that retires, a dead or never authorised key is success: there is nothing left to log out. */
function isLoggedOut(error: unknown): boolean {
  return (
    error instanceof TelegramError &&
    (error.fault.kind === "dead-key" || error.fault.code === "AUTH_KEY_UNREGISTERED")
  );
}

function slotBusy({ account, slot }: SlotRef): HoldfastError {
  return new HoldfastError({
    code: "SLOT_BUSY",
    message: `The token of ${account} slot ${slot} is held elsewhere.`,
    next: "See who holds it with: npx holdfast status",
    policy: "retryable",
  });
}
