import type { Account } from "../accounts/account.ts";
import type { Clock } from "../concurrency/clock.ts";
import { wait } from "../concurrency/wait.ts";
import { HoldfastError } from "../errors.ts";
import type { AccountRecord, AccountStores } from "../ports/accounts/account-store.ts";
import type { AccountProtocol, Fields, Reply } from "./protocol.ts";

export interface RemovalOptions {
  readonly accounts: Pick<AccountStores, "want" | "remove" | "slots">;
  readonly clock: Pick<Clock, "schedule">;
  /** Tells every node that accounts are gone, or are wanted otherwise. */
  tellAdded(): void;
  /** Lets go of accounts that no longer belong here. */
  look(): Promise<void>;
}

type Asked = Fields<AccountProtocol["remove"]["asked"]>;
type Answer = Reply<AccountProtocol["remove"]["answered"]>;

/** `remove`: an account ends for good. */
export interface Removal {
  /** One that runs here. */
  ofRunning(account: Account, body: Asked): Promise<Answer>;
  /** One that runs nowhere. */
  ofAbsent(record: AccountRecord, body: Asked): Promise<Answer>;
}

/** Telegram's answer to the logout, and the end of what is in flight before it. */
const logoutMsMax = 25_000;
const lookMs = 100;

export function createRemoval({ accounts, clock, tellAdded, look }: RemovalOptions): Removal {
  /** The hosts hear of it before and after: the one that has it lets it go, and all forget its name. */
  async function end(name: string, keysLoggedOut: boolean): Promise<Answer> {
    await accounts.remove(name);
    tellAdded();
    await look();
    return { ok: true, account: name, keysLoggedOut };
  }

  /** The keys that are logged in, or may be; an imported one that never served is another program's. */
  const loggedIn = async (name: string) =>
    (await accounts.slots(name)).filter(
      ({ state, origin, keyId }) =>
        state === "SERVING" ||
        state === "RETIRING" ||
        (state === "PENDING" && origin === "made" && keyId !== null),
    );

  /**
   * The account without a slot logs its keys out by itself, once no login is under way. False where there was nothing
   * to log out: no login, or a dead key.
   */
  async function logOut(account: Account): Promise<boolean> {
    const { name } = account;
    const { length } = await loggedIn(name);
    if (!isOut(account)) {
      const { accepted, state } = await account.logout();
      if (!accepted) throw notLoggedOut(name, `it is ${state}`);
    }
    for (let waitedMs = 0; (await loggedIn(name)).length > 0; waitedMs += lookMs) {
      if (waitedMs >= logoutMsMax)
        throw notLoggedOut(name, "Telegram has not confirmed it in time");
      await wait(clock, lookMs);
      // A login that was being ended may have come in all the same.
      if (!isOut(account)) await account.logout();
    }
    return length > 0;
  }

  return {
    async ofRunning(account, body) {
      refuseUnconfirmed(account.name, body);
      const keysLoggedOut = body.keepKeys === true ? false : await logOut(account);
      await accounts.want(account.name, "stop");
      await account.stop();
      tellAdded();
      await look();
      return end(account.name, keysLoggedOut);
    },
    async ofAbsent(record, body) {
      refuseUnconfirmed(record.name, body);
      if (record.servingSlot !== null && body.keepKeys !== true)
        throw connectedNowhere(record.name);
      return end(record.name, false);
    },
  };
}

/** It serves nothing, and no login of it is under way. */
const isOut = ({ runtime }: Account): boolean => runtime.state === "unauthorised.waiting";

function refuseUnconfirmed(account: string, { confirm }: Asked): void {
  if (confirm === account) return;
  throw new HoldfastError({
    code: "REMOVE_NOT_CONFIRMED",
    message: `Removing ${account} deletes its keys, its settings and its conversations, and was not confirmed; nothing was deleted.`,
    next: `Send {"confirm": "${account}"}, or type: npx holdfast remove ${account} --yes`,
  });
}

const notLoggedOut = (account: string, why: string) =>
  new HoldfastError({
    code: "REMOVE_NOT_LOGGED_OUT",
    message: `The key of ${account} was not logged out: ${why}. Nothing was deleted.`,
    next: `Try again; or leave the login at Telegram as it is: npx holdfast remove ${account} --keep-keys`,
    policy: "retryable",
  });

const connectedNowhere = (account: string) =>
  new HoldfastError({
    code: "REMOVE_NOT_LOGGED_OUT",
    message: `${account} is connected nowhere, so that its key cannot be logged out; nothing was deleted.`,
    next: `Start it first: npx holdfast resume ${account}; or leave the login at Telegram as it is: npx holdfast remove ${account} --keep-keys`,
  });
