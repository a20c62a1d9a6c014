import type { ItemName } from "./inbound-stream.ts";

/** A chat user, in all of these accounts and channels. */
export interface Person {
  readonly user: string;
  readonly accounts: "all" | readonly string[];
  /** null: every channel. */
  readonly channel: string | null;
}

/** Rows or messages of a person, by the table or stream that they stand in. */
export type PersonRows = Readonly<Record<string, number>>;

/** Where a person speaks. */
export type PersonPlace = Pick<ItemName, "channel" | "account">;

/** Wherever a person may have spoken: no account has such a name. */
export const everyPlace: PersonPlace = { channel: "*", account: "*" };

export interface ErasedPart {
  readonly rows: PersonRows;
  /** What may be remembered of these must be forgotten. */
  readonly places: readonly PersonPlace[];
  /** Nothing of the person was left where this part looked. */
  readonly isLast: boolean;
}

/**
 * What the fleet's database holds of a person. Hides SQL. Each part is one transaction: it may be cut off at any line,
 * and the next call goes on.
 */
export interface PersonErasure {
  /** What stands there of the person, and changes nothing. */
  count(person: Person): Promise<PersonRows>;
  /**
   * Messages of the person that have had no turn and will have none: each counts as taken from now on. What a run of
   * its handler has left goes with that.
   */
  take(items: readonly ItemName[]): Promise<void>;
  /** Erases a part of it. What took effect is still known by its mark. */
  erase(person: Person): Promise<ErasedPart>;
}

/** A look for words through everything, which goes on where the last one ended. */
export interface TextSearch {
  /**
   * @param at where the last answer's search ended; null: at the beginning
   * @param budgetMs milliseconds after which it answers
   */
  search(
    word: string,
    at: string | null,
    budgetMs: number,
  ): Promise<{ readonly found: PersonRows; readonly at: string | null }>;
}

/** A message of the inbound streams. */
export interface StreamMessage {
  readonly stream: string;
  readonly text: string;
  /** Whose act each of its items is; null: that one cannot be read. */
  readonly items: readonly (ItemName | null)[];
}

/** A walk over the messages that stand in the inbound streams. Hides JetStream. */
export interface StreamWalk {
  /**
   * @param at where the last walk ended; null: at the beginning. Answers where it ended, null: at the end.
   * @param budgetMs milliseconds after which it answers
   */
  walk(
    at: string | null,
    budgetMs: number,
    visit: (message: StreamMessage) => Promise<"erase" | "leave">,
  ): Promise<string | null>;
}
