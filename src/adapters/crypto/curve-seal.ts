import { createCurve, fromCurveSeed } from "@nats-io/nkeys";
import { HoldfastError } from "../../errors.ts";
import type { SealedText } from "../../ports/sealed-text.ts";

/** The half that opens; it never leaves its process. */
export interface SealKey {
  /** `X…`: given to those who seal. */
  readonly publicKey: string;
  /** `SX…`: keep it as a password is kept. */
  readonly seed: string;
  /** Throws SEAL_UNREADABLE for what was not sealed to this key, or was changed. */
  open(sealed: SealedText): string;
}

/** A new key, or the one of `seed`. Throws SEAL_UNREADABLE for a seed that is none. */
export function createSealKey(seed?: string): SealKey {
  const pair = seed === undefined ? createCurve() : fromSeedText(seed);
  return {
    publicKey: pair.getPublicKey(),
    seed: Buffer.from(pair.getSeed()).toString(),
    open({ from, box }) {
      try {
        const opened = pair.open(Buffer.from(box, "base64"), from);
        if (opened !== null) return Buffer.from(opened).toString();
      } catch (cause) {
        throw unreadable(cause);
      }
      throw unreadable();
    },
  };
}

/** Throws SEAL_UNREADABLE where `publicKey` is no curve key. */
export function sealTo(publicKey: string, text: string): SealedText {
  const once = createCurve();
  try {
    const box = once.seal(Buffer.from(text), publicKey);
    return { from: once.getPublicKey(), box: Buffer.from(box).toString("base64") };
  } catch (cause) {
    throw unreadable(cause);
  } finally {
    once.clear();
  }
}

function fromSeedText(seed: string) {
  try {
    return fromCurveSeed(Buffer.from(seed));
  } catch (cause) {
    throw unreadable(cause);
  }
}

const unreadable = (cause?: unknown) =>
  new HoldfastError({
    code: "SEAL_UNREADABLE",
    message: "A sealed text does not fit the key that should open it; nothing was changed.",
    next: "Ask for the fleet's sealing key again, and seal to that.",
    cause,
  });
