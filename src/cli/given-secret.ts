import { readFile, stat } from "node:fs/promises";
import { HoldfastError } from "../errors.ts";
import { readSecret } from "./answers.ts";

/** `instead`: the command that takes it another way. */
function secretInArguments(what: string, instead: string): HoldfastError {
  return new HoldfastError({
    code: "SECRET_IN_ARGUMENTS",
    message: `${what} was given as an argument, so it stands in the process list and in the shell's history now; nothing was done with it.`,
    next: `Replace it if others use this machine, clear it from the history, and type: ${instead}`,
  });
}

/** Refuses words beyond `count`. Throws SECRET_IN_ARGUMENTS. */
export function refuseFurther(given: readonly string[], count: number, instead: string): void {
  if (given.length > count) throw secretInArguments("What may be a secret", instead);
}

/** An address without a user's name and password may stand among the arguments. Throws SECRET_IN_ARGUMENTS. */
export function openProxy(url: string, instead: string): string {
  if (url.includes("@")) throw secretInArguments("A proxy's password", instead);
  return url;
}

/**
 * A database's address: among the arguments where it has no password, else in a file that its owner alone can read, or
 * for `-` on standard input. Throws SECRET_IN_ARGUMENTS, FILE_MISSING, SECRET_FILE_OPEN, NOTHING_GIVEN.
 */
export async function databaseAddress(given: string, instead: string): Promise<string> {
  if (given === "-") return readSecret();
  const isAddress = /^postgres(?:ql)?:\/\//.test(given);
  if (!isAddress) {
    const file = await secretFile(given, { what: "A database's password", instead });
    return (await readFile(file, "utf8")).trim();
  }
  if (/^\w+:\/\/[^/?#]*:[^/?#@]*@|[?&]password=/.test(given)) {
    throw secretInArguments("A database's password", instead);
  }
  return given;
}

/** The path of a file with a secret. Throws SECRET_IN_ARGUMENTS, FILE_MISSING, SECRET_FILE_OPEN. */
export async function secretFile(
  given: string,
  { what, instead }: { what: string; instead: string },
): Promise<string> {
  const found = await stat(given).catch(() => null);
  if (found === null) {
    // A path that leads nowhere looks like one; a session does not.
    if (given.length > 100 || !/[./]/.test(given)) throw secretInArguments(what, instead);
    throw new HoldfastError({
      code: "FILE_MISSING",
      message: `There is no file ${given}; nothing was done.`,
      next: `Name the file, or type: ${instead}`,
    });
  }
  if ((found.mode & 0o077) === 0) return given;
  const mode = found.isDirectory() ? 700 : 600;
  throw new HoldfastError({
    code: "SECRET_FILE_OPEN",
    message: `Other users of this machine may read ${given}, which holds a secret; nothing was done.`,
    next: `chmod ${mode} ${given}, and try again.`,
  });
}
