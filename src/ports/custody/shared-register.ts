/** One value as it stands in a register. */
export interface RegisterEntry<Value> {
  readonly key: string;
  readonly value: Value;
  /** Position of the write that put it there; rises with every write to the register. */
  readonly revision: number;
}

/**
 * Small values that the fleet shares, each changed by compare-and-set. Hides NATS KV. Only the
 * acknowledgement of a write proves anything: a read or a watch may show an isolated server's
 * memory. Anybody may have
 * written a value: it may be of any form, and null where it is no JSON. After a roll-back of the
 * store, revisions are used again, so values carry a nonce of their own.
 */
export interface SharedRegister<Value> {
  /** null when nothing stands under the key. Throws REGISTER_UNAVAILABLE. */
  read(key: string): Promise<RegisterEntry<Value> | null>;
  /** Every entry. Throws REGISTER_UNAVAILABLE. */
  entries(): Promise<readonly RegisterEntry<Value>[]>;
  /**
   * Writes if `previous` is still the key's revision (0: nothing stands there) and resolves with the new one.
   * Throws REGISTER_CONFLICT when it was certainly not written, REGISTER_UNKNOWN when it may have been: then only
   * a read that shows the value's own nonce tells.
   */
  write(key: string, value: Value, previous: number): Promise<number>;
  /**
   * Calls `onEntry` for every entry and then for each change, in order, until the returned function
   * is called. Changes may come late or never: a reader that depends on one looks again on an
   * occasion of its own.
   */
  watch(onEntry: (entry: RegisterEntry<Value>) => void): Promise<() => void>;
}
