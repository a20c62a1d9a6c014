/**
 * Text that one key alone can read, as it travels in JSON. The form is that of NATS' curve keys (X25519,
 * XSalsa20-Poly1305), for which libraries exist in Go, JavaScript, Python and Rust.
 */
export interface SealedText {
  /** The sender's public curve key, made for this text alone. */
  readonly from: string;
  /** Base64. */
  readonly box: string;
}

/** Seals a text to a public curve key, `X…`. Throws SEAL_UNREADABLE where that is none. */
export type Seal = (publicKey: string, text: string) => SealedText;
