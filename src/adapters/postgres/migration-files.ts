import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { packageFile } from "../../files.ts";

/** A change of the schema, as its files say. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
  /** One text in a transaction of its own; or several, each by itself, which may be run again after any of them. */
  readonly up: { readonly inTransaction: boolean; readonly statements: readonly string[] };
  /** Undoes it, in a transaction; null: there is no file. */
  readonly down: string | null;
}

export const migrationsFolder = packageFile("migrations");

const withoutTransaction = "-- no transaction";
/** A line of its own between two statements that run without a transaction. */
const separator = /^--$/m;

/** The migrations in a folder, `NNNN-name.up.sql` and `NNNN-name.down.sql`, in order. */
export async function readMigrations(directory: string): Promise<readonly Migration[]> {
  const migrations: Migration[] = [];
  for (const file of (await readdir(directory)).toSorted()) {
    const [, number, name] = /^(\d{4})-(.+)\.up\.sql$/.exec(file) ?? [];
    if (number === undefined || name === undefined) continue;
    const sql = await readFile(join(directory, file), "utf8");
    const downFile = join(directory, `${number}-${name}.down.sql`);
    const inTransaction = !sql.startsWith(withoutTransaction);
    migrations.push({
      version: Number(number),
      name,
      checksum: createHash("sha256").update(sql).digest("hex"),
      up: { inTransaction, statements: inTransaction ? [sql] : sql.split(separator) },
      down: existsSync(downFile) ? await readFile(downFile, "utf8") : null,
    });
  }
  return migrations;
}

/** `0004-ledger` */
export const labelOf = ({ version, name }: Pick<Migration, "version" | "name">): string =>
  `${String(version).padStart(4, "0")}-${name}`;
