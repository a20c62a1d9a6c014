import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, rm, rmdir, statfs } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { connectNats } from "../../adapters/nats/connection.ts";
import { type Database, openDatabase } from "../../adapters/postgres/database.ts";
import { countAccounts, readApplied, readServerFacts } from "../../adapters/postgres/diagnosis.ts";
import { createFleetStore } from "../../adapters/postgres/fleet-store.ts";
import { storedFingerprints } from "../../adapters/postgres/resealing.ts";
import type { NatsAccess } from "../../config/nats-access.ts";
import { errorLine, HoldfastError } from "../../errors.ts";
import { type HeldKey, heldKey } from "../held-key.ts";
import { dumpDatabase } from "./dump.ts";
import { type LastBackup, noteBackup } from "./last-backup.ts";
import {
  databaseName,
  describeFile,
  formatNow,
  type Manifest,
  manifestName,
  registersName,
  writeDurably,
} from "./manifest.ts";
import { writeRegisters } from "./registers.ts";

export interface BackupOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** As the owner of the schema, or as one who reads every row. */
  readonly databaseUrl: string;
  /** As the node. */
  readonly nats: NatsAccess;
  readonly folder: string;
  /** Another folder, for the master key. */
  readonly keyFolder: string | null;
  now(): Date;
  /** One line of progress. */
  tell(line: string): void;
}

export interface BackupMade {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly registers: number;
  /** Where the master key was written to; null: nowhere. */
  readonly keyFile: string | null;
  /** Where it lies; null: not here. */
  readonly keyAt: string | null;
}

/**
 * Writes the database, then the registers, and last the manifest. The registers come later, so that no floor is lower
 * than an epoch of the database. What was begun is removed when something fails. Throws BACKUP_FOLDER_USED,
 * BACKUP_NO_ROOM, BACKUP_KEY_BESIDE, SCHEMA_MISSING, and the errors of the parts.
 */
export async function makeBackup(options: BackupOptions): Promise<BackupMade> {
  const folder = resolve(options.folder);
  const key = heldKey(options.env, options.home);
  const keyFolder = options.keyFolder === null ? null : resolve(options.keyFolder);
  if (keyFolder !== null) await refuseKeyPlace(folder, keyFolder, key);
  const database = openDatabase(options.databaseUrl, { poolMax: 1, name: "holdfast backup" });
  try {
    const nats = await connectNats(options.nats, "backup", { comesBack: false });
    try {
      const { bytes } = await readServerFacts(database);
      const facts = await readFacts(database, options.now());
      const isNew = await takeFolder(folder);
      try {
        await refuseNoRoom(folder, bytes);
        options.tell(`writing the database (${facts.accounts} accounts)`);
        await dumpDatabase(options.databaseUrl, join(folder, databaseName));
        options.tell("writing the registers of NATS");
        const registers = await writeRegisters(nats, folder);
        const files = await Promise.all([
          describeFile(folder, databaseName),
          describeFile(folder, registersName),
        ]);
        const keyFile = key === null || keyFolder === null ? null : await writeKey(key, keyFolder);
        const manifest: Manifest = { ...facts, files };
        await writeDurably(join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
        remember(options, { at: manifest.madeAt, folder });
        return { folder, manifest, registers, keyFile, keyAt: key?.where ?? null };
      } catch (error) {
        await giveUp(folder, isNew);
        throw error;
      }
    } finally {
      await nats.close();
    }
  } finally {
    await database.close();
  }
}

/** A backup is whole without the note of it in the home. */
function remember({ home, tell }: BackupOptions, backup: LastBackup): void {
  try {
    noteBackup(home, backup);
  } catch (error) {
    tell(`the home does not remember this backup (${errorLine(error)}); the backup is whole`);
  }
}

async function readFacts(database: Database, now: Date): Promise<Omit<Manifest, "files">> {
  const applied = await readApplied(database);
  const schema = applied?.at(-1)?.version;
  if (schema === undefined) throw noSchema();
  const fleet = await createFleetStore(database).read();
  return {
    format: formatNow,
    madeAt: now.toISOString(),
    schema,
    accounts: await countAccounts(database),
    fleet: fleet === null ? null : { id: fleet.id, times: fleet.times },
    masterKeys: [...(await storedFingerprints(database))],
  };
}

/** An empty folder, made where there is none; answers whether it was made. */
async function takeFolder(folder: string): Promise<boolean> {
  const isNew = !existsSync(folder);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if ((await readdir(folder)).length > 0) throw folderUsed(folder);
    await chmod(folder, 0o700);
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw unwritable(folder, cause);
  }
  return isNew;
}

/** A dump is smaller than its database; a disk that has not even a quarter of it is refused at once. */
async function refuseNoRoom(folder: string, databaseBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= databaseBytes / 4) return;
  throw new HoldfastError({
    code: "BACKUP_NO_ROOM",
    message: `${folder} has room for ${bavail * bsize} bytes, and the database has ${databaseBytes}. Nothing was written.`,
    next: "Name a folder on another disk: npx holdfast backup <folder>",
  });
}

async function giveUp(folder: string, isNew: boolean): Promise<void> {
  for (const name of [manifestName, registersName, databaseName])
    for (const file of [join(folder, name), join(folder, `${name}.new`)])
      await rm(file, { force: true }).catch(() => undefined);
  if (isNew) await rmdir(folder).catch(() => undefined);
}

const isWithin = (inner: string, outer: string): boolean => {
  const way = relative(outer, inner);
  return way === "" || (!way.startsWith("..") && !way.startsWith("/"));
};

const keyFileIn = (folder: string): string => join(folder, "master.key");

async function refuseKeyPlace(
  folder: string,
  keyFolder: string,
  key: HeldKey | null,
): Promise<void> {
  if (key === null)
    throw new HoldfastError({
      code: "MASTER_KEY_MISSING",
      message: "There is no master key here to back up. Nothing was written.",
      next: "Name it in HOLDFAST_MASTER_KEY_FILE, or leave --with-key out.",
    });
  if (isWithin(keyFolder, folder) || isWithin(folder, keyFolder))
    throw new HoldfastError({
      code: "BACKUP_KEY_BESIDE",
      message:
        "The key and what it opens would lie in one place: whoever takes that has everything. Nothing was written.",
      next: "Name a folder on another disk for --with-key.",
    });
  if (existsSync(keyFileIn(keyFolder)))
    throw new HoldfastError({
      code: "FILE_EXISTS",
      message: `${keyFileIn(keyFolder)} exists; nothing was written.`,
      next: "Name another folder for --with-key.",
    });
}

async function writeKey({ keys }: HeldKey, keyFolder: string): Promise<string> {
  const file = keyFileIn(keyFolder);
  try {
    await mkdir(keyFolder, { recursive: true, mode: 0o700 });
    await writeDurably(file, keys.map((key) => `${key.toString("base64")}\n`).join(""));
  } catch (cause) {
    throw unwritable(file, cause);
  }
  return file;
}

const folderUsed = (folder: string) =>
  new HoldfastError({
    code: "BACKUP_FOLDER_USED",
    message: `${folder} is not empty; nothing was written.`,
    next: "Name a new folder: npx holdfast backup <folder>",
  });

const unwritable = (path: string, cause: unknown) =>
  new HoldfastError({
    code: "FILE_UNWRITABLE",
    message: `${path} cannot be written (${String((cause as { code?: unknown }).code ?? cause)}).`,
    next: "Name another folder.",
    cause,
  });

const noSchema = () =>
  new HoldfastError({
    code: "SCHEMA_MISSING",
    message: "This database has no schema of Holdfast, so there is nothing to back up.",
    next: "Name the fleet's database in HOLDFAST_DATABASE_URL.",
  });
