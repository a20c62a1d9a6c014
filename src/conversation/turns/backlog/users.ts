import type { BacklogUser } from "../../../ports/conversation/backlog-store.ts";
import type { ConversationKey } from "../../../ports/conversation/conversation-store.ts";
import type { HeldItem } from "./item.ts";
import { UserQueue } from "./user.ts";

export interface UserQueuesOptions {
  readonly heldPerUserMax: number;
  /** Items in memory from which on no rows are read, but for an account that has less than its share there. */
  readonly heldMax: number;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Reads a user's next rows; `hasRead` says when. */
  read(user: UserQueue): void;
}

/** The users of a partition who have items in memory or in the backlog, and those items in memory. */
export interface UserQueues {
  of(key: ConversationKey): UserQueue;
  /** Users whom an earlier owner has left behind. */
  adopt(users: readonly BacklogUser[]): void;
  hold(item: HeldItem): void;
  /** Of a held item: it goes on to its turn. */
  handOn(item: HeldItem): void;
  /** No longer in memory; more of its user's rows may be read. */
  forget(item: HeldItem): void;
  addRow(user: UserQueue): void;
  removeRow(user: UserQueue): void;
  /** Has the user's next rows read if it is time. */
  readMore(user: UserQueue): void;
  hasRead(user: UserQueue): void;
  /** Resolves when nothing is in memory. */
  empty(): Promise<void>;
  readonly rows: number;
}

export function createUserQueues(options: UserQueuesOptions): UserQueues {
  const { heldPerUserMax, heldMax, signal, read } = options;
  const users = new Map<string, UserQueue>();
  const held = new Set<HeldItem>();
  /** By account: they could take rows, and wait for room in memory. */
  const wanting = new Map<string, Set<UserQueue>>();
  /** Of each account: items in memory, and those that are being read. */
  const taken = new Map<string, number>();
  const shareMax = Math.max(heldPerUserMax, Math.floor(heldMax / sharesOfMemory));
  const emptyWaiters: (() => void)[] = [];
  let [rows, reading] = [0, 0];

  /** Nothing of theirs is left: a row that was counted twice is not there either. */
  function tidy(user: UserQueue): void {
    if (!user.isOver) return;
    rows -= user.rows;
    user.rows = 0;
    users.delete(nameOf(user.key));
  }

  function take(account: string, more: number): void {
    const now = (taken.get(account) ?? 0) + more;
    if (now === 0) taken.delete(account);
    else taken.set(account, now);
  }

  /** A share is every account's own, however many turns of others rest in memory. */
  const hasRoom = (account: string): boolean =>
    held.size + reading * heldPerUserMax < heldMax || (taken.get(account) ?? 0) < shareMax;

  function want(user: UserQueue): void {
    const account = accountOf(user);
    const others = wanting.get(account);
    if (others === undefined) wanting.set(account, new Set([user]));
    else others.add(user);
  }

  function readOf(account: string, waiting: Set<UserQueue>): void {
    for (const user of waiting) {
      if (!hasRoom(account)) return;
      waiting.delete(user);
      user.isReading = true;
      reading += 1;
      take(account, heldPerUserMax);
      read(user);
    }
    wanting.delete(account);
  }

  function readWanted(): void {
    for (const [account, waiting] of wanting) readOf(account, waiting);
  }

  function readMore(user: UserQueue): void {
    if (signal.aborted) return;
    if (user.wantsMore(heldPerUserMax)) want(user);
    else tidy(user);
    readWanted();
  }

  return {
    of(key) {
      const name = nameOf(key);
      const known = users.get(name);
      if (known !== undefined) return known;
      const user = new UserQueue(key);
      users.set(name, user);
      return user;
    },
    adopt(left) {
      for (const one of left) {
        const user = UserQueue.of(one);
        users.set(nameOf(user.key), user);
        rows += user.rows;
        want(user);
      }
      readWanted();
    },
    hold(item) {
      held.add(item);
      take(accountOf(item.user), 1);
    },
    handOn(item) {
      const { user } = item;
      item.isHandedOn = true;
      user.handedOn(item);
    },
    forget(item) {
      if (!held.delete(item)) return;
      const { user } = item;
      take(accountOf(user), -1);
      if (item.isHandedOn) user.ended(item);
      readMore(user);
      if (held.size === 0) for (const wake of emptyWaiters.splice(0)) wake();
    },
    addRow(user) {
      user.rows += 1;
      rows += 1;
    },
    removeRow(user) {
      if (user.rows === 0) return;
      user.rows -= 1;
      rows -= 1;
    },
    readMore,
    hasRead(user) {
      user.isReading = false;
      reading -= 1;
      take(accountOf(user), -heldPerUserMax);
      readMore(user);
    },
    empty: () =>
      held.size === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            emptyWaiters.push(resolve);
          }),
    get rows() {
      return rows;
    },
  };
}

/** Of the room in memory, each account has one share in any case. */
const sharesOfMemory = 16;

const accountOf = ({ key: { channel, account } }: UserQueue): string => `${channel}\n${account}`;

const nameOf = ({ channel, account, chatUser }: ConversationKey): string =>
  `${channel}\n${account}\n${chatUser}`;
