import type { UserQueue } from "./user.ts";

export interface WantingUsersOptions {
  /** Items of one user that a reading may bring. */
  readonly heldPerUserMax: number;
  /** Items in memory from which on no rows are read, but for an account that has less than its share there. */
  readonly heldMax: number;
  /** Reads a user's next rows. */
  read(user: UserQueue): void;
}

/**
 * Users who could take rows, and wait for room in memory. A share of it is every account's own, however many turns of
 * others rest there.
 */
export interface WantingUsers {
  add(user: UserQueue): void;
  /** An item of this user came into memory. */
  held(user: UserQueue): void;
  /** It left. */
  left(user: UserQueue): void;
  /** A reading has ended; its items were counted as held. */
  hasRead(user: UserQueue): void;
  /** Has the rows read for which there is room. */
  readOn(): void;
}

/** Of the room in memory, each account has one share in any case. */
const sharesOfMemory = 16;

export function createWantingUsers(options: WantingUsersOptions): WantingUsers {
  const { heldPerUserMax, heldMax, read } = options;
  const wanting = new Map<string, Set<UserQueue>>();
  /** Items in memory, and those that are being read; of each account, and of all. */
  const taken = new Map<string, number>();
  let all = 0;
  const shareMax = Math.max(heldPerUserMax, Math.floor(heldMax / sharesOfMemory));

  function take(user: UserQueue, more: number): void {
    const account = accountOf(user);
    const now = (taken.get(account) ?? 0) + more;
    all += more;
    if (now === 0) taken.delete(account);
    else taken.set(account, now);
  }

  function readOf(account: string, waiting: Set<UserQueue>): void {
    for (const user of waiting) {
      if (all >= heldMax && (taken.get(account) ?? 0) >= shareMax) return;
      waiting.delete(user);
      user.isReading = true;
      take(user, heldPerUserMax);
      read(user);
    }
    wanting.delete(account);
  }

  return {
    add(user) {
      const account = accountOf(user);
      const others = wanting.get(account);
      if (others === undefined) wanting.set(account, new Set([user]));
      else others.add(user);
    },
    held: (user) => take(user, 1),
    left: (user) => take(user, -1),
    hasRead(user) {
      user.isReading = false;
      take(user, -heldPerUserMax);
    },
    readOn() {
      for (const [account, waiting] of wanting) readOf(account, waiting);
    },
  };
}

const accountOf = ({ key: { channel, account } }: UserQueue): string => `${channel}\n${account}`;
