import type { BacklogPlace, BacklogUser } from "../../../ports/conversation/backlog-store.ts";
import type { ConversationKey } from "../../../ports/conversation/conversation-store.ts";

/** An item that was handed on; it may be a row too. */
interface Handed extends BacklogPlace {
  isRow: boolean;
  readonly isOnlyInStream: boolean;
}

/** One chat user with items in memory or in the backlog. A class: there is one for every user at work. */
export class UserQueue {
  readonly key: ConversationKey;
  /** Items in memory that were handed on to their turns and are not settled: a few. */
  readonly #handed: Handed[] = [];
  /** Items that are to be rows and are not yet; they were not handed on. */
  moving = 0;
  /** Rows in Postgres, with those that are in memory too. A row that was added twice counts twice. */
  rows = 0;
  /** Whether there may be rows that were not read yet. All of them are behind `mark`. */
  hasUnread = false;
  isReading = false;
  /** The next row is one that this host does not know. */
  isStuck = false;
  /** Counts the rows that were added, so that a reading notices those that came meanwhile. */
  added = 0;
  /** The furthest item that was handed on. */
  mark: BacklogPlace = { position: -1, inboundId: "" };

  constructor({ channel, account, chatUser }: ConversationKey) {
    this.key = { channel, account, chatUser };
  }

  /** A user as an earlier owner of the partition has left them. */
  static of({ items, first, ...key }: BacklogUser): UserQueue {
    const user = new UserQueue(key);
    user.rows = items;
    user.hasUnread = true;
    user.mark = { position: first - 1, inboundId: "" };
    return user;
  }

  /** Whether an item belongs behind those in the backlog. One of the past comes again, and goes on at once. */
  mustWait(position: number, heldMax: number): boolean {
    if (position <= this.mark.position) return false;
    return this.moving > 0 || this.hasUnread || this.held >= heldMax;
  }

  /** Whether an item that became a row just now may go on without being read. */
  mayGoOn(position: number, heldMax: number): boolean {
    if (position <= this.mark.position) return true;
    return !this.hasUnread && this.held < heldMax;
  }

  get held(): number {
    return this.#handed.length;
  }

  /** The same item, if it is at its turn already, or waits for it in memory. */
  find({ position, inboundId }: BacklogPlace): Handed | undefined {
    return this.#handed.find((one) => one.position === position && one.inboundId === inboundId);
  }

  /** What the stream alone holds of the items before `position`, oldest first. */
  onlyInStream(position: number): readonly Handed[] {
    return this.#handed
      .filter((one) => one.position < position && one.isOnlyInStream)
      .toSorted((a, b) => a.position - b.position);
  }

  ended(place: Handed): void {
    this.#handed.splice(this.#handed.indexOf(place), 1);
  }

  handedOn(place: Handed): void {
    this.#handed.push(place);
    if (place.position >= this.mark.position) {
      this.mark = { position: place.position, inboundId: place.inboundId };
    }
  }

  wantsMore(heldMax: number): boolean {
    return this.hasUnread && !this.isReading && !this.isStuck && this.held <= heldMax / 2;
  }

  /** Nothing of this user is here or in Postgres. */
  get isOver(): boolean {
    return this.held === 0 && this.moving === 0 && !this.hasUnread && !this.isReading;
  }
}
