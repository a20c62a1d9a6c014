import type { BacklogItem, BacklogPlace } from "../../../ports/conversation/backlog-store.ts";
import type {
  InboundDelivery,
  InboundItem,
  UnreadDelivery,
} from "../../../ports/conversation/inbound-stream.ts";
import { itemText } from "../../../ports/conversation/item-text.ts";
import type { UserQueue } from "./user.ts";

/** What an item asks of the backlog that holds it. */
export interface ItemKeeper {
  /** It took effect, or is kept elsewhere. */
  over(item: HeldItem): void;
  rest(item: HeldItem, delayMs: number): void;
}

/** `given`: left to the next owner of the partition. */
type Standing = "open" | "over" | "given";

type OfStream = Pick<InboundDelivery, "done" | "retry">;

/**
 * One item in memory: a message of the stream, a row of the backlog, or both for a moment. It becomes a row first,
 * then its message is acknowledged. A class, as there is one for every item.
 */
export abstract class HeldItem implements BacklogPlace {
  readonly #keeper: ItemKeeper;
  readonly user: UserQueue;
  readonly position: number;
  readonly inboundId: string;
  /** Monotonic milliseconds: since then it is in memory. */
  readonly sinceMs: number;
  #stream: OfStream | null;
  standing: Standing = "open";
  isHandedOn = false;
  /** It is to be a row. */
  isMoving = false;
  /** It may be a row already, although no answer says so. */
  isTried = false;
  isRow: boolean;

  constructor(keeper: ItemKeeper, user: UserQueue, place: BacklogPlace, since: Since) {
    this.#keeper = keeper;
    this.user = user;
    this.position = place.position;
    this.inboundId = place.inboundId;
    this.sinceMs = since.nowMs;
    this.#stream = since.stream;
    this.isRow = since.stream === null;
  }

  abstract get text(): string;

  get isOfStream(): boolean {
    return this.#stream !== null;
  }

  /** Neither a row nor about to be one, and not settled. */
  get isOnlyInStream(): boolean {
    return this.isOfStream && this.standing === "open" && !this.isRow && !this.isMoving;
  }

  get row(): BacklogItem {
    const { position, inboundId, text } = this;
    return { ...this.user.key, position, inboundId, text };
  }

  /** It stands in Postgres: the stream may forget it. */
  moved(): void {
    this.isMoving = false;
    this.isRow = true;
    this.#stream?.done();
    this.#stream = null;
  }

  done(): void {
    if (this.standing !== "open") return;
    this.standing = "over";
    this.#stream?.done();
    this.#stream = null;
    this.#keeper.over(this);
  }

  retry(delayMs: number): void {
    if (this.standing === "open") this.#keeper.rest(this, delayMs);
  }

  giveBack(): void {
    this.standing = "given";
    this.#stream?.retry(0);
    this.#stream = null;
  }
}

interface Since {
  readonly nowMs: number;
  /** null: it was read from the backlog. */
  readonly stream: OfStream | null;
}

/** An item that can take its turn. */
export class HeldDelivery extends HeldItem implements InboundDelivery {
  readonly item: InboundItem;

  constructor(
    keeper: ItemKeeper,
    user: UserQueue,
    place: BacklogPlace,
    since: Since & { readonly item: InboundItem },
  ) {
    super(keeper, user, place, since);
    this.item = since.item;
  }

  get text(): string {
    return itemText(this.item);
  }
}

/** An item that this host cannot read. */
export class HeldUnread extends HeldItem {
  readonly text: string;

  constructor(
    keeper: ItemKeeper,
    user: UserQueue,
    place: BacklogPlace,
    since: Since & Pick<UnreadDelivery, "text">,
  ) {
    super(keeper, user, place, since);
    this.text = since.text;
  }
}
