import type { BacklogUser } from "../../../ports/conversation/backlog-store.ts";
import type { ConversationKey } from "../../../ports/conversation/conversation-store.ts";
import type { HeldItem } from "./item.ts";
import { UserQueue } from "./user.ts";
import { createWantingUsers } from "./wanting.ts";

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
  const wanting = createWantingUsers({ heldPerUserMax, heldMax, read });
  const emptyWaiters: (() => void)[] = [];
  let rows = 0;

  /** Nothing of theirs is left: a row that was counted twice is not there either. */
  function tidy(user: UserQueue): void {
    if (!user.isOver) return;
    rows -= user.rows;
    user.rows = 0;
    users.delete(nameOf(user.key));
  }

  function readMore(user: UserQueue): void {
    if (signal.aborted) return;
    if (user.wantsMore(heldPerUserMax)) wanting.add(user);
    else tidy(user);
    wanting.readOn();
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
        wanting.add(user);
      }
      wanting.readOn();
    },
    hold(item) {
      held.add(item);
      wanting.held(item.user);
    },
    handOn(item) {
      const { user } = item;
      item.isHandedOn = true;
      user.handedOn(item);
    },
    forget(item) {
      if (!held.delete(item)) return;
      const { user } = item;
      wanting.left(user);
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
      wanting.hasRead(user);
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

const nameOf = ({ channel, account, chatUser }: ConversationKey): string =>
  `${channel}\n${account}\n${chatUser}`;
