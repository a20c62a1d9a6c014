import { TlError } from "./tl-error.ts";

/** More values than any request of a client holds; each costs some 16 bytes of memory. */
const valuesMax = 250_000;
const unpackedBytesMax = 8 * 1024 * 1024;

/** How much one message may become, with all that is packed in it, at any depth. */
export interface TlBudget {
  /** Counts one value; throws TL_TOO_LARGE when there were too many. */
  takeValue(): void;
  /** How many bytes may still be unpacked. */
  readonly unpackedBytesLeft: number;
  /** Counts unpacked bytes. */
  takeUnpacked(bytes: number): void;
}

/** The budget of one message. */
export function createBudget(): TlBudget {
  let valuesLeft = valuesMax;
  let bytesLeft = unpackedBytesMax;
  return {
    takeValue() {
      valuesLeft -= 1;
      if (valuesLeft >= 0) return;
      throw new TlError(
        "TL_TOO_LARGE",
        `The message holds more than ${valuesMax} values. Send it in parts.`,
      );
    },
    get unpackedBytesLeft() {
      return bytesLeft;
    },
    takeUnpacked(bytes) {
      bytesLeft -= bytes;
    },
  };
}
