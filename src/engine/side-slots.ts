import { HoldfastError } from "../errors.ts";
import { TelegramError } from "../ports/telegram-error.ts";
import type { SlotRef } from "../ports/token-store.ts";
import type { LoginMethod, RenewalMethod } from "../../machines/lifecycle.ts";
import { silentEvents } from "../ports/silent-events.ts";
import type { AccountWorld } from "./account-world.ts";
import type { Prompts } from "./prompts.ts";
import { signIn } from "./sign-in.ts";
import { freeToken, openSlot, type SlotConnection } from "./slot-connection.ts";

/** Slots that do not serve: authorising new ones, logging out old ones. One such job at a time per account. */
export interface SideSlots {
  /**
   * Makes a key and authorises it, or connects with the one that was imported. Rejects with the reason; a PENDING slot
   * that was made stays to be discarded.
   */
  authorise(how: Authorising): Promise<SlotRef>;
  /** Logs out every slot that no longer serves or never will; `false` when one has to be tried again. */
  tidy(serving: number | null, signal: AbortSignal): Promise<boolean>;
}

export interface Authorising {
  /** The login or the renewal that it is for. */
  readonly of: string;
  readonly method: LoginMethod | RenewalMethod;
  readonly signal: AbortSignal;
  /** The serving slot lets in whoever shows this token. */
  approve(token: Uint8Array): Promise<void>;
  onCodeRequested(): void;
  /** The key is stored and its connection is there. */
  onConnected(): void;
}

export function createSideSlots(world: AccountWorld, prompts: Prompts): SideSlots {
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
    onLoginToken = () => {},
  ): Promise<T> {
    const grant = await world.claims.claim(ref);
    if (grant === null) throw slotBusy(ref);
    const connection = await openSlot(world, grant, { ...silentEvents, onLoginToken });
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

  /** The slot whose session was brought along, else a new one. */
  async function slotFor(method: Authorising["method"]): Promise<SlotRef> {
    if (method !== "import") return world.accounts.addSlot(world.account);
    const slots = await world.accounts.slots(world.account);
    const imported = slots.find(({ state, origin }) => state === "PENDING" && origin !== "made");
    if (imported === undefined) throw nothingImported(world.account);
    return imported;
  }

  async function authorise(how: Authorising) {
    const { of, method, signal, approve, onCodeRequested } = how;
    const { accounts, account, clock } = world;
    const { slot } = await slotFor(method);
    let accepted = () => {};
    const use = async ({ client }: SlotConnection) => {
      how.onConnected();
      const slots = await accounts.slots(account);
      const isPending = slots.some((one) => one.slot === slot && one.state === "PENDING");
      if (!isPending) throw slotBusy({ account, slot });
      const credentials = await accounts.credentials(account);
      await signIn({
        of,
        method,
        client,
        credentials,
        prompts,
        clock,
        signal,
        keptPassword: () => accounts.password(account),
        approve,
        onCodeRequested,
        untilAccepted: () => new Promise((resolve) => (accepted = resolve)),
        onWrong: (message) =>
          world.events.report({ type: "note", account, code: "LOGIN_ANSWER_WRONG", message }),
      });
      const { isBot, phone } = await client.self();
      if (isBot !== (world.kind === "bot")) throw otherKind(account, isBot);
      const isNews = credentials.kind === "user" && credentials.phone === null;
      if (isNews && phone !== null) await accounts.learnPhone(account, phone);
    };
    await withSlot({ account, slot }, signal, use, () => accepted());
    signal.throwIfAborted();
    return { account, slot };
  }

  async function logOut(ref: SlotRef, keyId: string | null, signal: AbortSignal): Promise<void> {
    if (keyId === null) return forgetKeyless(ref);
    await withSlot(ref, signal, ({ client }) => client.logOut()).catch((error: unknown) => {
      if (!isLoggedOut(error)) throw error;
    });
    await world.accounts.forgetSlot(ref);
  }

  /** Under its token: another host may be making the key at this moment. */
  async function forgetKeyless(ref: SlotRef): Promise<void> {
    const grant = await world.claims.claim(ref);
    if (grant === null) throw slotBusy(ref);
    try {
      const slots = await world.accounts.slots(ref.account);
      const now = slots.find(({ slot }) => slot === ref.slot);
      if (now?.keyId !== null) throw slotBusy(ref);
      await world.accounts.forgetSlot(ref);
    } finally {
      await freeToken(world, grant, true);
    }
  }

  return {
    authorise: (how) => alone(() => authorise(how)),
    tidy: (serving, signal) =>
      alone(async () => {
        const renewal = await world.accounts.openRenewal(world.account);
        let clean = true;
        for (const { account, slot, state, keyId, origin } of await world.accounts.slots(
          world.account,
        )) {
          if (signal.aborted) return true;
          // Another program's session is not ended before this one has taken its place.
          if (state === "PENDING" && origin !== "made") continue;
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

/**
 * On a slot that retires, a key that is dead, was never authorised or still owes the 2FA password is success: there is
 * nothing to log out.
 */
function isLoggedOut(error: unknown): boolean {
  return (
    error instanceof TelegramError &&
    (error.fault.kind === "dead-key" ||
      error.fault.kind === "password-needed" ||
      error.fault.code === "AUTH_KEY_UNREGISTERED")
  );
}

const nothingImported = (account: string) =>
  new HoldfastError({
    code: "NOTHING_IMPORTED",
    message: `No imported session of ${account} waits to be used.`,
    next: `Log it in with: npx holdfast auth ${account}`,
  });

const otherKind = (account: string, isBot: boolean) =>
  new HoldfastError({
    code: "OTHER_KIND",
    message: `${account} is a ${isBot ? "bot" : "user"} at Telegram, and was added as a ${isBot ? "user" : "bot"}.`,
    next: "Add it again as what it is, under another name; a bot needs nothing but its token.",
  });

function slotBusy({ account, slot }: SlotRef): HoldfastError {
  return new HoldfastError({
    code: "SLOT_BUSY",
    message: `The token of ${account} slot ${slot} is held elsewhere.`,
    next: "See who holds it with: npx holdfast status",
    policy: "retryable",
  });
}
