import type { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import { print, printError } from "../print.ts";

const { env } = process;

interface Given {
  readonly withKey?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `holdfast backup` and `holdfast restore`: a fleet in a folder, and back. */
export function addBackupCommands(program: Command): void {
  program
    .command("backup <folder>")
    .description("write everything that a fleet must not lose to a new folder, while it serves")
    .option("--with-key <folder>", "write the master key too, to another folder")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Written: database.dump, registers.json, and last manifest.json with sizes and hashes. A folder without a manifest is no
backup. The master key is never in that folder. Without it a backup cannot be read.

JSON: {"folder","madeAt","schema","accounts","registers","bytes","masterKeys","keyFile","keyAt"}

Examples:
  npx holdfast backup /backups/monday
  npx holdfast backup /backups/monday --with-key /safe/monday-key`,
    )
    .action(backup);

  program
    .command("restore <folder>")
    .description("fill an empty database with a backup, while no host serves")
    .option("--with-key <folder>", "where the backup's master key is, for a home without one")
    .option("--yes", "do not ask")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
The database that HOLDFAST_DATABASE_URL names, else that of the home. It must be empty. Nothing is written before every
refusal was looked for, and the database is filled in one transaction.

JSON: {"accounts","madeAt","floorsRaised","natsKnew","keyAt","next"}

Examples:
  npx holdfast restore /backups/monday
  HOLDFAST_HOME=new npx holdfast restore /backups/monday --with-key /safe/monday-key --yes`,
    )
    .action(restore);
}

async function backup(folder: string, { withKey, json }: Given): Promise<void> {
  const [{ makeBackup }, { ownerDatabaseUrl }, { nodeAccess }] = await Promise.all([
    import("../backup/make-backup.ts"),
    import("../owner-database.ts"),
    import("../node-nats.ts"),
  ]);
  const made = await makeBackup({
    env,
    home: env["HOLDFAST_HOME"] ?? ".holdfast",
    databaseUrl: await ownerDatabaseUrl(env),
    nats: await nodeAccess(env),
    folder,
    keyFolder: withKey ?? null,
    now: () => new Date(),
    tell: printError,
  });
  const { manifest, registers, keyFile, keyAt } = made;
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const { madeAt, schema, accounts, masterKeys } = manifest;
  if (json === true) {
    const { folder: at } = made;
    const told = { folder: at, madeAt, schema, accounts, registers, bytes, masterKeys };
    return print(JSON.stringify({ ...told, keyFile, keyAt }));
  }
  print(`${accounts} accounts, ${registers} registers, ${bytes} bytes are in ${made.folder}`);
  if (keyFile !== null) print(`the master key is in ${keyFile}: keep it apart from the backup`);
  else print(keyIsNotIn(keyAt, masterKeys));
  print(`restore it with: npx holdfast restore ${made.folder}`);
}

const keyIsNotIn = (keyAt: string | null, needed: readonly string[]): string =>
  needed.length === 0
    ? "nothing in it is encrypted yet, so no master key is needed"
    : `the master key ${needed.join(", ")} is NOT in it, and nothing in it can be read without; ${
        keyAt === null ? "it is not on this machine either" : `it is in ${keyAt}`
      }`;

async function restore(folder: string, { withKey, yes, json }: Given): Promise<void> {
  const { readConfig } = await import("../../config/config.ts");
  const { migrationsFolder, readMigrations } = await import(
    "../../adapters/postgres/migration-files.ts"
  );
  const { readBackup } = await import("../backup/manifest.ts");
  const { restoreBackup } = await import("../backup/restore-backup.ts");
  const { withRestoreTarget } = await import("../backup/restore-target.ts");
  const { keyForRestore } = await import("../backup/restored-key.ts");
  const config = readConfig(env);
  const known = await readMigrations(migrationsFolder);
  printError("reading the backup");
  const manifest = await readBackup(folder, known.at(-1)?.version ?? 0);
  const of = { home: config.home, keyFolder: withKey ?? null, manifest };
  const key = keyForRestore(env, of);
  // Before any server of the home is started: a person who says no leaves no half of a home.
  if (yes !== true) await confirmed(manifest, folder);
  const done = await withRestoreTarget(config, { env, manifest, tell: printError }, (target) =>
    restoreBackup({
      folder,
      manifest,
      target,
      placeKey: key.place,
      now: () => new Date(),
      tell: printError,
    }),
  );
  // Home and NATS that do not know the fleet refuse a start, until a person says that this is its place.
  const isKnown = done.natsKnew && config.databaseUrl !== null;
  const next = isKnown ? "npx holdfast start" : "npx holdfast adopt-fleet --the-other-is-stopped";
  if (json === true)
    return print(JSON.stringify({ ...done, madeAt: manifest.madeAt, keyAt: key.where, next }));
  print(`${done.accounts} accounts are as they were at ${manifest.madeAt}`);
  print(`${done.floorsRaised} floors were raised: no epoch is granted twice`);
  if (key.where === null && manifest.masterKeys.length > 0)
    print(
      `the master key ${manifest.masterKeys.join(", ")} is not here: put it into HOLDFAST_MASTER_KEY_FILE before a start`,
    );
  print(
    "What happened since the backup is not known here. If the original still runs, both use the same keys.",
  );
  print(`Once it is stopped for good: ${next}${isKnown ? "" : ", then npx holdfast start"}`);
}

async function confirmed(
  { accounts, madeAt }: { readonly accounts: number; readonly madeAt: string },
  folder: string,
): Promise<void> {
  const { createAnswers } = await import("../answers.ts");
  const answers = createAnswers();
  const isSure = await answers.confirm(`Restore ${accounts} accounts as they were at ${madeAt}?`);
  answers.close();
  if (isSure) return;
  throw new HoldfastError({
    code: "NOT_CONFIRMED",
    message: `${folder} was not restored.`,
    next: `Say so with: npx holdfast restore ${folder} --yes`,
  });
}
