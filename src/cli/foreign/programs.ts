import { HoldfastError } from "../../errors.ts";

/** Programs whose sessions can be read. Forks of Pyrogram keep theirs as it does. */
export const foreignPrograms = [
  "telethon",
  "pyrogram",
  "gramjs",
  "mtcute",
  "mtkruto",
  "tdata",
] as const;
export type ForeignProgram = (typeof foreignPrograms)[number];

export interface ForeignSession {
  readonly dcId: number;
  /** 256 bytes. */
  readonly key: Uint8Array;
  /** Of Telegram's test servers: the others do not know the key. */
  readonly isTest: boolean;
}

export const keyBytes = 256;
/** More than the caches of any of the programs. */
export const fileBytesMax = 64 * 1024 * 1024;

/** Telegram's test servers, as the programs keep their addresses. */
export const testAddresses: ReadonlySet<string> = new Set([
  "149.154.175.10",
  "149.154.167.40",
  "149.154.175.117",
  "2001:b28:f23d:f001::e",
  "2001:67c:4e8:f002::e",
  "2001:b28:f23d:f003::e",
]);

export function unreadable(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: "SESSION_UNREADABLE",
    message,
    next: "Give a file that holds the string, the string on standard input, the session file of Telethon or Pyrogram, or the folder tdata.",
    ...(cause === undefined ? {} : { cause }),
  });
}
