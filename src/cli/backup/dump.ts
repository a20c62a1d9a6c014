import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { findPostgres } from "../../embedded/postgres-binaries.ts";
import { HoldfastError } from "../../errors.ts";
import { withoutPassword } from "../database-address.ts";

const { env } = process;

/**
 * Writes the database to a new file that its owner alone can read, by the server's own pg_dump or that of the PATH.
 * Throws FILE_EXISTS, FILE_UNWRITABLE, PG_PROGRAM_MISSING and BACKUP_FAILED.
 */
export async function dumpDatabase(url: string, file: string): Promise<void> {
  const program = postgresProgram("pg_dump");
  const { address, password } = withoutPassword(url);
  const out = await open(file, "wx", 0o600).catch((cause: unknown) => {
    throw notWritten(file, cause);
  });
  const args = ["--format=custom", `--dbname=${address}`];
  let code: number | null;
  try {
    code = await run(program, args, password, out.fd);
  } finally {
    await out.close();
  }
  if (code === 0) return;
  throw new HoldfastError({
    code: "BACKUP_FAILED",
    message: `pg_dump ended with ${code}; what is in ${file} is no backup.`,
    next: "See what it says above.",
  });
}

/**
 * Reads such a file into an empty database, in one transaction: all of it or nothing. Owner and rights are those of the
 * one who restores. Throws PG_PROGRAM_MISSING and RESTORE_FAILED.
 */
export async function restoreDatabase(url: string, file: string): Promise<void> {
  const program = postgresProgram("pg_restore");
  const { address, password } = withoutPassword(url);
  const whole = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"];
  const code = await run(program, [...whole, `--dbname=${address}`, file], password, "ignore");
  if (code === 0) return;
  throw new HoldfastError({
    code: "RESTORE_FAILED",
    message: `pg_restore ended with ${code}; its one transaction was rolled back, and the database is as it was.`,
    next: "See what it says above, then try again.",
  });
}

/** Its exit code; what it complains about goes to the error output. */
function run(
  program: string,
  args: readonly string[],
  password: string | null,
  out: number | "ignore",
): Promise<number | null> {
  const child = spawn(program, args, {
    stdio: ["ignore", out, "inherit"],
    env: { ...env, ...(password === null ? {} : { PGPASSWORD: password }) },
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
}

function notWritten(file: string, cause: unknown): HoldfastError {
  const exists = existsSync(file);
  return new HoldfastError({
    code: exists ? "FILE_EXISTS" : "FILE_UNWRITABLE",
    message: `${file} ${exists ? "exists" : "cannot be written"}; nothing was written.`,
    next: "Name another file.",
    cause,
  });
}

function postgresProgram(name: "pg_dump" | "pg_restore"): string {
  const path = env["PATH"] ?? "";
  const { bin } = findPostgres({ major: null, user: null, path });
  const found = [bin, ...path.split(delimiter)]
    .map((folder) => join(folder, name))
    .find((program) => existsSync(program));
  if (found !== undefined) return found;
  throw new HoldfastError({
    code: "PG_PROGRAM_MISSING",
    message: `There is no ${name} on this machine.`,
    next: "Install the client programs: apt-get install postgresql-client",
  });
}
