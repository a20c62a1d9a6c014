/**
 * The seam between the two halves of telegram-dc: `protocol/` (bytes, keys, sessions, messages) and `world/`
 * (users, logins, mailboxes, updates, faults, ledger). Neither half imports the other; both import this file,
 * and `telegram-dc.ts` puts them together.
 */

/**
 * A decoded TL object: `_` is the constructor's or method's name as in the `.tl` schema (`auth.signIn`), the
 * other fields keep the schema's own snake_case names. int and double are `number`, long is `bigint`,
 * string is `string`, bytes/int128/int256 are `Buffer`, Bool and flag `true` are `boolean`, vectors are arrays.
 */
export interface TlObject {
  readonly _: string;
  readonly [field: string]: TlValue | undefined;
}
export type TlValue =
  | number
  | bigint
  | string
  | boolean
  | Uint8Array
  | TlObject
  | readonly TlValue[]
  | undefined;

/** The client's description of itself in `initConnection`. */
export interface ClientIdentity {
  readonly apiId: number;
  readonly deviceModel: string;
  readonly systemVersion: string;
  readonly appVersion: string;
}

/** One TCP connection of a client, as the world sees it. */
export interface Connection {
  /** Counts up from 1 in the order of acceptance. */
  readonly id: number;
  /** The peer's address and port. */
  readonly address: string;
  readonly port: number;
  /** 16 hex digits, or undefined until the first encrypted frame. */
  readonly authKeyId: string | undefined;
  /** The client uses the data centre's media address, where duplicated keys are tolerated. */
  readonly isMedia: boolean;
  readonly identity: ClientIdentity | undefined;
  /** False after `invokeWithoutUpdates`, and before the first `initConnection` of the key. */
  readonly wantsUpdates: boolean;
  /** Sends an Updates object to this client. Kept and resent until the client acknowledges it. */
  push(updates: TlObject): void;
  /** `reset` sends RST at once; `finish` flushes and sends FIN. */
  close(how: "finish" | "reset"): void;
}

/** One remote call, already unwrapped of `invokeWithLayer`, `initConnection`, `invokeAfterMsg`, … */
export interface RpcCall {
  readonly connection: Connection;
  readonly authKeyId: string;
  readonly messageId: bigint;
  readonly query: TlObject;
  /** TL layer the client speaks. */
  readonly layer: number;
}

/**
 * The world's answer to a call. `drop` answers nothing; `cut` resets the connection without an
 * answer.
 */
export type RpcOutcome =
  | { readonly kind: "result"; readonly value: TlValue }
  | { readonly kind: "error"; readonly code: number; readonly message: string }
  | { readonly kind: "drop" }
  | { readonly kind: "cut" };

/** The world half, as the protocol half calls it. */
export interface World {
  onConnect(connection: Connection): void;
  /** A Diffie–Hellman exchange ended: the key exists from now on. */
  onAuthKey(connection: Connection, authKeyId: string, kind: "permanent" | "temporary"): void;
  /**
   * An encrypted frame of a known key arrived (each frame, before its messages are handled). Answer
   * `-404` to refuse the key at transport level, as Telegram does with destroyed keys. `ignore`
   * drops the frame unread and unanswered (a blackhole).
   */
  onFrame(connection: Connection): "accept" | "ignore" | 404;
  onRpc(call: RpcCall): Promise<RpcOutcome>;
  onClose(connection: Connection, bytesIn: number, bytesOut: number): void;
}

/** A permanent auth key, as stored between two runs of the program. */
export interface StoredKey {
  /** 16 hex digits, as in `Connection.authKeyId`. */
  readonly authKeyId: string;
  /** The 256 bytes of the key, in hex. */
  readonly keyHex: string;
  readonly salt: bigint;
  /** The TL layer that the client announced last. */
  readonly layer: number;
}

/** The protocol half, as the world half calls it. */
export interface KeyRegistry {
  /** Every living permanent key, for the state file. */
  exportKeys(): StoredKey[];
  /** Restores keys of an earlier run, before the server listens. */
  importKeys(keys: readonly StoredKey[]): void;
  /** Forgets a key: every later frame with it gets transport error -404. */
  destroyKey(authKeyId: string): void;
  connections(): Iterable<Connection>;
}
