import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { HoldfastError } from "../../errors.ts";

export const manifestName = "manifest.json";
export const databaseName = "database.dump";
export const registersName = "registers.json";

/** Rises with each change of the layout that an older program cannot read. */
export const formatNow = 1;
/** A manifest is some lines; a longer one is none. */
const manifestBytesMax = 65_536;

const times = z.object({
  suspectMs: z.int().min(1).max(86_400_000),
  holdMs: z.int().min(1).max(86_400_000),
  takeMs: z.int().min(1).max(86_400_000),
  answerMs: z.int().min(1).max(86_400_000),
});

const manifestShape = z.object({
  format: z.literal(formatNow),
  /** ISO 8601. */
  madeAt: z.iso.datetime(),
  /** The version of the schema. */
  schema: z.int().min(1).max(9999),
  accounts: z.int().min(0),
  fleet: z.object({ id: z.string().min(1).max(200), times }).nullable(),
  /** Fingerprints of the master keys that the dump needs. */
  masterKeys: z.array(z.string().regex(/^[0-9a-f]{16}$/)).max(100),
  files: z
    .array(
      z.object({
        name: z.enum([databaseName, registersName]),
        bytes: z.int().min(0),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .length(2),
});

/** What a backup says of itself. */
export type Manifest = z.infer<typeof manifestShape>;

/** Size and sha256 of a file of a folder. */
export async function describeFile<Name extends string>(
  folder: string,
  name: Name,
): Promise<{ readonly name: Name; readonly bytes: number; readonly sha256: string }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(join(folder, name))) {
    hash.update(chunk as Uint8Array);
    bytes += (chunk as Uint8Array).length;
  }
  return { name, bytes, sha256: hash.digest("hex") };
}

/** Writes a file for its owner alone, on disk when this resolves, whole or not at all. */
export async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(`${file}.new`, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
}

/**
 * The manifest of a folder whose files are as it says. Throws BACKUP_INCOMPLETE, BACKUP_NEWER and BACKUP_DAMAGED.
 * @param schemaMax the newest version of the schema that this program knows
 */
export async function readBackup(folder: string, schemaMax: number): Promise<Manifest> {
  const manifest = await readManifest(folder);
  if (manifest.schema > schemaMax) throw newer(folder, `schema version ${manifest.schema}`);
  for (const said of manifest.files) {
    const found = await describeFile(folder, said.name).catch((cause: unknown) => {
      throw damaged(join(folder, said.name), "cannot be read", cause);
    });
    if (found.bytes !== said.bytes || found.sha256 !== said.sha256) {
      throw damaged(join(folder, said.name), "is not the file that the backup wrote");
    }
  }
  return manifest;
}

async function readManifest(folder: string): Promise<Manifest> {
  const file = join(folder, manifestName);
  const text = await boundedText(file);
  if (text === null) throw incomplete(folder);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(file, "is not JSON", cause);
  }
  const { format } = (value ?? {}) as { readonly format?: unknown };
  if (typeof format === "number" && format > formatNow) throw newer(folder, `format ${format}`);
  const read = manifestShape.safeParse(value);
  if (!read.success) throw damaged(file, "is no manifest of a backup");
  if (new Set(read.data.files.map(({ name }) => name)).size !== 2) {
    throw damaged(file, "names one file twice");
  }
  return read.data;
}

async function boundedText(file: string): Promise<string | null> {
  const found = await stat(file).catch(() => null);
  if (found === null) return null;
  if (found.size > manifestBytesMax) throw damaged(file, "is longer than any manifest");
  const handle = await open(file, "r");
  try {
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

const incomplete = (folder: string) =>
  new HoldfastError({
    code: "BACKUP_INCOMPLETE",
    message: `${folder} has no ${manifestName}, which is written last: it is no backup, or one that was broken off. Nothing was changed.`,
    next: "Name the folder of a whole backup: npx holdfast restore <folder>",
  });

const newer = (folder: string, what: string) =>
  new HoldfastError({
    code: "BACKUP_NEWER",
    message: `The backup in ${folder} has ${what}, which this program does not know yet. Nothing was changed.`,
    next: "Restore it with the version of Holdfast that made it, or a newer one.",
  });

const damaged = (file: string, why: string, cause?: unknown) =>
  new HoldfastError({
    code: "BACKUP_DAMAGED",
    message: `${file} ${why}. Nothing was changed.`,
    next: "Name the folder of a whole backup: npx holdfast restore <folder>",
    cause,
  });
