import type { Duplex } from "node:stream";

/** One grant of an authorisation's token. */
export interface GrantRef {
  readonly account: string;
  readonly slot: number;
  readonly epoch: number;
}

/** A grant, with what its connections are held to. */
export interface Permit extends GrantRef {
  /** The key's id that the first frame must carry; null: only a key exchange may be the first frame. */
  readonly keyId: string | null;
  /** `socks5://…` or `http://…`, through which the slot's connections go; null for directly. */
  readonly proxy?: string | null;
}

/** Where a client wants to connect. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** A connection on its way. What is written to it meanwhile goes out once Telegram's side is there. */
export interface Dialled {
  readonly stream: Duplex;
  /**
   * Nothing is read from the stream before. Rejects with a HoldfastError where the gate refused or Telegram was not
   * reached: nothing that was written has left, and the stream is gone. Any other error leaves that unknown.
   */
  readonly opened: Promise<void>;
}

/** A connection that is there already. */
export const alreadyOpen = (stream: Duplex): Dialled => ({ stream, opened: Promise.resolve() });

export interface CutProof {
  /** Sockets of this slot that the gate still has: always 0 when the promise resolves. */
  readonly sockets: 0;
  /** Milliseconds from the request to the last close. */
  readonly tookMs: number;
}

/**
 * The node's view of the gate, which owns every socket to Telegram. Hides the gate's process, its
 * lease and its journal. It dials only under a grant and a valid lease. It refuses an epoch that was
 * cut or is older than one that it knows, and a slot with another socket. Errors: GATE_REFUSED (with the
 * reason), GATE_LOST.
 */
export interface Gate {
  /** The incarnation under which tokens are granted, and the host's name in the fleet. */
  readonly incarnation: string;
  readonly host: string;
  /**
   * A connection to Telegram through the gate. The first permit of an epoch stands for all that follow; the key that
   * an exchange under it made stands as well. Rejects with GATE_LOST where no gate is there to ask.
   * @param when the gate is asked no sooner, with what was written until then; by default at once
   */
  dial(permit: Permit, to: Endpoint, when?: Promise<void>): Promise<Dialled>;
  /**
   * RST to every socket of the slot; the epoch never dials again. Resolves with 0 sockets, once the
   * last bytes have arrived. That is some moments after the reset, unless `idle` says that every
   * request was answered.
   */
  cut(grant: GrantRef, how?: { readonly idle: boolean }): Promise<CutProof>;
  /** Open sockets of a slot at this moment, by the gate's own count and by its journal. */
  sockets(slot: Pick<GrantRef, "account" | "slot">): Promise<number>;
}
