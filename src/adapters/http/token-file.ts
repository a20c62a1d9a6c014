import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { HoldfastError } from "../../errors.ts";

const tokenBytes = 32;

/** Keeps the console's token; the home's folder is its owner's alone. */
export const consoleTokenFile = (home: string): string => join(home, "console-token");

/**
 * The bearer token that a file holds; made where there is none, for its owner alone. Throws TOKEN_FILE_UNUSABLE for a
 * file that cannot be read or made, that others may read, or that holds something else.
 */
export function openTokenFile(path: string): string {
  try {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) makeTokenFile(path);
    const { mode, uid } = statSync(path);
    if ((mode & 0o077) !== 0) throw unusable(path, "may be read by others");
    if (process.getuid !== undefined && uid !== process.getuid()) {
      throw unusable(path, "belongs to another user");
    }
    const token = readFileSync(path, "utf8").trim();
    if (!/^[\w-]{32,}$/.test(token)) throw unusable(path, "holds no token");
    return token;
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw unusable(path, `cannot be read or made (${code ?? String(cause)})`, cause);
  }
}

/** Whole from its first moment: another process may read it meanwhile, or make it too. */
function makeTokenFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, `${randomBytes(tokenBytes).toString("base64url")}\n`, { mode: 0o600 });
  try {
    linkSync(unfinished, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(unfinished, { force: true });
  }
}

const unusable = (path: string, why: string, cause?: unknown) =>
  new HoldfastError({
    code: "TOKEN_FILE_UNUSABLE",
    message: `The file ${path}, which keeps the token of the console, ${why}.`,
    next: "Remove the file; the next start makes another token.",
    cause,
  });
