import { methods } from "./methods.ts";
import type { Grants } from "../grants.ts";
import { restAfter } from "../retry.ts";
import { serially } from "../../concurrency/serially.ts";
import { wait } from "../../concurrency/wait.ts";
import { HoldfastError } from "../../errors.ts";
import { TelegramError } from "../../ports/telegram/telegram-error.ts";
import { stepOfForgottenSlot } from "../steps.ts";
import type { RenewalRecord } from "../../ports/accounts/renewal-store.ts";
import type { SlotRecord } from "../../ports/accounts/slot-store.ts";
import type { GrantRef } from "../../ports/custody/gate.ts";
import type { SlotRef } from "../../ports/custody/token-store.ts";
import type { LoginMethod, RenewalMethod } from "../../../machines/lifecycle.ts";
import { silentEvents } from "../../ports/telegram/telegram.ts";
import type { AccountWorld } from "../context.ts";
import { otherPerson } from "../identity.ts";
import type { Prompts } from "./prompts.ts";
import type { QrReaders } from "./qr-readers.ts";
import { signIn } from "./sign-in.ts";
import { openSlot, type SlotConnection } from "../slot-connection.ts";
import { callOfLogOut } from "../waiting-client.ts";
import type { CalledMethod } from "../waits.ts";

/** Slots that do not serve: authorising new ones, logging out old ones. One such job at a time per account. */
export interface SideSlots {
  /**
   * Makes a key beside the serving one and authorises it. Rejects with the reason; its PENDING slot stays to be
   * discarded. `onAuthorised` runs as soon as the key is logged in as the account's own user.
   */
  authorise(how: Authorising & { onAuthorised(ref: SlotRef): Promise<void> }): Promise<SlotRef>;
  /**
   * Makes or imports the account's first key; it serves when the promise resolves. Two hosts at
   * once make one key: the holder of the PENDING slot's token logs in, the other waits. Rejects
   * with the reason, as `authorise`.
   */
  logIn(how: Authorising): Promise<SlotRef>;
  /** Resolves when the jobs that were begun before have ended. Never rejects. */
  idle(): Promise<void>;
  /** Logs out every slot that no longer serves or never will; `false` when one has to be tried again. */
  tidy(serving: number | null, signal: AbortSignal): Promise<boolean>;
}

export interface Authorising {
  /** The login or the renewal that it is for. */
  readonly of: string;
  readonly method: LoginMethod | RenewalMethod;
  readonly signal: AbortSignal;
  /** The serving slot approves the login that shows this token. */
  approve(token: Uint8Array): Promise<void>;
  onCodeRequested(): void;
  /** The key is stored and its connection is there. */
  onConnected(): void;
}

export function createSideSlots(
  world: AccountWorld,
  grants: Grants,
  prompts: Prompts,
  qrReaders: Pick<QrReaders, "seal">,
): SideSlots {
  const alone = serially();
  /** Slots whose last connection here ended with every request answered: nothing of theirs is on its way. */
  const answered = new Set<number>();

  /**
   * Runs `use` with a connection of the slot. Always ends the connection, also when `signal`
   * aborts.
   */
  async function withSlot<T>(
    grant: GrantRef,
    signal: AbortSignal,
    use: (connection: SlotConnection) => Promise<T>,
    {
      first = null,
      onLoginToken = () => {},
      onDialling = () => {},
    }: {
      /** The call that a wait may forbid: then nothing is dialled. */
      readonly first?: CalledMethod | null;
      onLoginToken?(): void;
      onDialling?(): void;
    } = {},
  ): Promise<T> {
    const events = { ...silentEvents, onLoginToken };
    answered.delete(grant.slot);
    const connection = await orFree(grant, openSlot(world, grants, grant, events));
    const stop = () => void connection.end().catch(() => undefined);
    signal.addEventListener("abort", stop, { once: true });
    try {
      signal.throwIfAborted();
      onDialling();
      await connection.connect(first);
      return await use(connection);
    } finally {
      signal.removeEventListener("abort", stop);
      if (connection.client.callsInFlight === 0) answered.add(grant.slot);
      await connection.end();
    }
  }

  /** Gives the token back if the work under it fails. */
  async function orFree<T>(grant: GrantRef, work: Promise<T>): Promise<T> {
    return work.catch(async (error: unknown) => {
      await grants.free(grant, { idle: true });
      throw error;
    });
  }

  /** Reads the slot under its token, so that no other holder can change it. */
  async function slotUnder(grant: GrantRef): Promise<SlotRecord | undefined> {
    const slots = await orFree(grant, world.accounts.slots(grant.account));
    return slots.find(({ slot }) => slot === grant.slot);
  }

  /**
   * Connects and signs in; `onAuthorised` runs before the connection ends. Rejects with OTHER_ACCOUNT where another
   * person was let in: a key that was made for it is logged out, and one that was brought along stays as it is.
   */
  async function signInUnder(
    grant: GrantRef,
    how: Authorising,
    onAuthorised: (telegramUser: string) => Promise<void>,
    onDialling = () => {},
  ): Promise<void> {
    const { of, method, signal, approve, onCodeRequested } = how;
    const { accounts, account, clock } = world;
    let accepted = () => {};
    const use = async ({ client }: SlotConnection) => {
      how.onConnected();
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
        sealUrl: (url) => qrReaders.seal(of, url),
        untilAccepted: () => new Promise((resolve) => (accepted = resolve)),
        onWrong: (message) =>
          world.events.report({ type: "note", account, code: "LOGIN_ANSWER_WRONG", message }),
      });
      const self = await client.self();
      const { bringsKey } = methods[method];
      const other = await otherPerson(world, credentials, self, bringsKey ? "imported" : "made");
      if (other !== null) {
        // Where Telegram does not answer now, the slot is logged out as every other that never serves.
        if (!bringsKey) await client.logOut().catch(() => undefined);
        throw other;
      }
      const isNews = credentials.kind === "user" && credentials.phone === null;
      if (isNews && self.phone !== null) await accounts.learnPhone(account, self.phone);
      await onAuthorised(self.userId);
    };
    await withSlot(grant, signal, use, {
      first: firstCallOf(method),
      onLoginToken: () => accepted(),
      onDialling,
    });
    signal.throwIfAborted();
  }

  async function authorise(how: Parameters<SideSlots["authorise"]>[0]): Promise<SlotRef> {
    // Before there is a slot: a refusal leaves nothing to tidy.
    await world.waits.load();
    const first = firstCallOf(how.method);
    if (first !== null) world.waits.refuse(first);
    const ref = await world.accounts.addSlot(world.account);
    await signInUnder(await grants.claim(ref), how, () => how.onAuthorised(ref));
    return ref;
  }

  /** A temporary failure before Telegram was dialled is retried until the login is called off. */
  async function logIn(how: Authorising): Promise<SlotRef> {
    for (;;) {
      let dialled = false;
      try {
        return await tryLogIn(how, () => (dialled = true));
      } catch (error) {
        const isBrief = error instanceof HoldfastError && error.policy === "retryable";
        if (dialled || !isBrief || how.signal.aborted) throw error;
        await restAfter(world, error, how.signal);
        how.signal.throwIfAborted();
      }
    }
  }

  async function tryLogIn(how: Authorising, onDialling: () => void): Promise<SlotRef> {
    const { accounts, account } = world;
    for (;;) {
      const { slot, state } = await firstSlot(how.method);
      if (state === "SERVING") return { account, slot };
      const grant = await grants.seekOrWait({ account, slot }, how.signal);
      if (grant === null) {
        how.signal.throwIfAborted();
        continue;
      }
      const now = await slotUnder(grant);
      if (now?.state !== "PENDING") await grants.free(grant, { idle: true });
      else if (!methods[how.method].bringsKey && now.keyId !== null) {
        // A login was cut off: Telegram may have let its key in.
        const isOut = await logOutUnder(grant, how.signal);
        if (!isOut) await wait(world.clock, world.timings.tidyRetryMs, how.signal);
      } else {
        let adopted = false;
        const adopt = async (telegramUser: string) => {
          adopted = await accounts.adoptFirstSlot(grant, telegramUser);
        };
        await signInUnder(grant, how, adopt, onDialling);
        // Else an import was quicker: its key serves, and this key is logged out from there.
        if (adopted) return { account, slot };
      }
    }
  }

  /** The slot of the imported session, else the one that every host logs in. */
  async function firstSlot(method: Authorising["method"]): Promise<SlotRecord> {
    if (!methods[method].bringsKey) return world.accounts.firstSlot(world.account);
    const slots = await world.accounts.slots(world.account);
    const imported = slots.find(({ state, origin }) => state === "PENDING" && origin !== "made");
    const serving = slots.find(({ state }) => state === "SERVING");
    const found = serving ?? imported;
    if (found === undefined) throw nothingImported(world.account);
    return found;
  }

  /**
   * `false`: try again in a moment. Telegram may process the sign-in of a cut connection after a
   * later request. So one answer that the key is not logged in proves nothing; only a second one
   * does.
   */
  async function logOutUnder(grant: GrantRef, signal: AbortSignal): Promise<boolean> {
    const isSure = answered.has(grant.slot);
    const logOutNow = ({ client }: SlotConnection) => client.logOut();
    const wasIn = await withSlot(grant, signal, logOutNow, { first: callOfLogOut }).then(
      () => true,
      (error: unknown) => {
        if (!isLoggedOut(error)) throw error;
        return !mayComeToLife(error);
      },
    );
    if (!wasIn && !isSure) return false;
    answered.delete(grant.slot);
    await world.accounts.forgetSlot(grant, stepOfForgottenSlot);
    return true;
  }

  /**
   * `false`: look again, because the slot changed before its token was here, or its state is not
   * sure yet.
   */
  async function logOut(ref: SlotRef, signal: AbortSignal): Promise<boolean> {
    const grant = await grants.claim(ref);
    const now = await slotUnder(grant);
    const renewal = await orFree(grant, world.accounts.openRenewal(ref.account));
    const isLeft = now !== undefined && !isOver(now) && !isUsed(now, renewal);
    if (isLeft && now.keyId !== null) return logOutUnder(grant, signal);
    if (isLeft) await orFree(grant, world.accounts.forgetSlot(ref, stepOfForgottenSlot));
    await grants.free(grant, { idle: true });
    return isLeft;
  }

  return {
    authorise: (how) => alone(() => authorise(how)),
    logIn: (how) => alone(() => logIn(how)),
    idle: () => alone(async () => {}),
    tidy: (serving, signal) =>
      alone(async () => {
        let clean = true;
        const renewal = await world.accounts.openRenewal(world.account);
        for (const found of await world.accounts.slots(world.account)) {
          if (signal.aborted) return true;
          if (found.slot === serving || isOver(found)) continue;
          const isDone =
            !isUsed(found, renewal) &&
            (await logOut(found, signal).catch((error: unknown) => {
              if (signal.aborted) return false;
              world.events.report({
                type: "note",
                account: world.account,
                code: "SLOT_NOT_LOGGED_OUT",
                message: `slot ${found.slot} will be tried again: ${String(error)}`,
              });
              return false;
            }));
          clean = clean && isDone;
        }
        return clean;
      }),
  };
}

/** The first call of a login by this method, which may rest; null for a key that comes logged in. */
function firstCallOf(name: Authorising["method"]): CalledMethod | null {
  const { firstCall } = methods[name];
  return firstCall === null ? null : { method: firstCall, chat: null };
}

/**
 * Nothing to end here: it was ended, it serves, or its owner has not yet confirmed that it may take
 * over.
 */
const isOver = ({ state, origin }: SlotRecord): boolean =>
  (state !== "RETIRING" && state !== "PENDING") || (state === "PENDING" && origin !== "made");

/** An open renewal may come to serve with either of its slots. */
const isUsed = ({ slot, state }: SlotRecord, renewal: RenewalRecord | null): boolean =>
  renewal !== null && (state === "PENDING" || slot === renewal.fromSlot);

/** The key was never authorised or still owes the 2FA password: there is nothing to log out, yet. */
const mayComeToLife = (error: unknown): boolean =>
  error instanceof TelegramError &&
  (error.fault.kind === "password-needed" || error.fault.code === "AUTH_KEY_UNREGISTERED");

/** Telegram's answers for a key that cannot be logged out because it is not logged in. */
const isLoggedOut = (error: unknown): boolean =>
  mayComeToLife(error) || (error instanceof TelegramError && error.fault.kind === "dead-key");

const nothingImported = (account: string) =>
  new HoldfastError({
    code: "NOTHING_IMPORTED",
    message: `No imported session of ${account} waits to be used.`,
    next: `Log it in with: npx holdfast auth ${account}`,
  });
