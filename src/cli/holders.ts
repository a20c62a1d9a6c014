import type { Holder } from "../commands/protocol.ts";
import { HoldfastError } from "../errors.ts";
import { readText } from "./answers.ts";
import { askFleet, type AskOptions } from "./ask.ts";
import { keyIdOfSession } from "./foreign/session.ts";
import { secretFile } from "./given-secret.ts";

/**
 * The holders of one account, of one key, or of all. Throws ACCOUNT_UNKNOWN and the errors of
 * `ask`.
 */
export async function readHolders(
  of: { readonly account?: string; readonly keyId?: string },
  options: AskOptions,
): Promise<readonly Holder[]> {
  return (await askFleet("who", of, options)).holders;
}

export function holderLine({ account, slot, state, epoch, host, process, since }: Holder): string {
  const where =
    host === null
      ? "nobody holds it"
      : `${state} by host ${host}${process === null ? "" : ` (gate ${process})`}, epoch ${epoch}`;
  return `${account} slot ${slot}: ${where}, since ${since}`;
}

/** The key id of `--key-id`, of a session in a file, or of one on standard input. */
export async function keyIdGiven(
  file: string | undefined,
  keyId: string | undefined,
): Promise<string> {
  if (keyId !== undefined) {
    if (/^[0-9a-f]{16}$/i.test(keyId)) return keyId.toLowerCase();
    throw new HoldfastError({
      code: "KEY_ID_MALFORMED",
      message: `"${keyId}" is no key id: that is 16 hex digits.`,
      next: "Give the session itself: npx holdfast check < file",
    });
  }
  if (file === undefined) return keyIdOfSession(await readText());
  const instead = "npx holdfast check < file";
  return keyIdOfSession(await secretFile(file, { what: "A session", instead }));
}
