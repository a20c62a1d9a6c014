/** The private half of one incarnation's key. It never leaves the gate that made it. */
export interface Signer {
  /** The public half: the incarnation's own name, in Postgres and everywhere else. */
  readonly incarnation: string;
  sign(text: string): string;
}

/**
 * Tells whose word a text is. Hides the algorithm. An incarnation's name is its public key, so no store is asked, and
 * one that was restored from an older copy forgets no key. Never throws.
 */
export interface Signatures {
  /** False for an incarnation of a version that signed nothing. */
  isKey(incarnation: string): boolean;
  /** Whether the gate of that incarnation signed that very text. */
  verify(incarnation: string, text: string, signature: unknown): boolean;
}
