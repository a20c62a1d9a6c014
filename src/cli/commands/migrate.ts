import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Command } from "commander";
import { migrate, migrateDown, readSchema } from "../../adapters/postgres/migrate.ts";
import { toldPatience } from "../../adapters/postgres/schema-locks.ts";
import { rolesMissing } from "../../adapters/postgres/roles.ts";
import { ownerUrlOf } from "../../embedded/postgres.ts";
import { findPostgres } from "../../embedded/postgres-binaries.ts";
import { HoldfastError } from "../../errors.ts";
import { databaseUrlOf } from "../ask.ts";
import { print } from "../print.ts";
import { addSchemaCommands } from "./schema.ts";

const { env } = process;

/** `holdfast migrate …`: the schema of the fleet's database. */
export function addMigrateCommands(program: Command, exitWith: (code: number) => void): void {
  const group = program.command("migrate").description("the schema of the fleet's database");

  group
    .command("up")
    .description("bring the schema up to date; `holdfast start` does that for its own database")
    .addHelpText("after", "\nExample:\n  npx holdfast migrate backup && npx holdfast migrate up")
    .action(async () => {
      const { applied, version, roles } = await migrate(await ownerDatabaseUrl(), { patience });
      for (const label of applied) print(`applied ${label}`);
      print(`schema version ${version}, ${applied.length} migrations applied`);
      if (!roles) print(rolesMissing);
    });

  group
    .command("down <version>")
    .description("undo the migrations above a version; stop every host first")
    .addHelpText(
      "after",
      "\nExample:\n  npx holdfast migrate backup && npx holdfast migrate down 8",
    )
    .action(async (text: string) => {
      const version = Number(text);
      if (!/^\d{1,4}$/.test(text)) throw malformedVersion(text);
      const undone = await migrateDown(await ownerDatabaseUrl(), version, { patience });
      for (const label of undone) print(`undone ${label}`);
      print(undone.length === 1 ? "1 migration undone" : `${undone.length} migrations undone`);
    });

  group
    .command("status")
    .description("which migrations are applied and which are pending")
    .addHelpText("after", "\nExample:\n  npx holdfast migrate status")
    .action(async () => {
      const { migrations } = await readSchema(await ownerDatabaseUrl());
      for (const { label, state } of migrations) print(`${state.padEnd(8)} ${label}`);
    });

  addSchemaCommands(group, { databaseUrl: ownerDatabaseUrl, exitWith });

  group
    .command("backup [file]")
    .description("write the database to a file, for pg_restore")
    .addHelpText("after", "\nExample:\n  npx holdfast migrate backup before-upgrade.dump")
    .action(async (file: string | undefined) => {
      const name = file ?? `holdfast-${new Date().toISOString().replaceAll(/[:.]/g, "-")}.dump`;
      await backUp(await ownerDatabaseUrl(), name);
      print(`the database is in ${name}; restore it with: pg_restore --clean --dbname=… ${name}`);
    });
}

const patience = toldPatience(print);

/** The schema is its owner's; a host's address in run.json is not. */
async function ownerDatabaseUrl(): Promise<string> {
  const url = await databaseUrlOf(env);
  return env["HOLDFAST_DATABASE_URL"] ? url : ownerUrlOf(url);
}

/** With the server's own program, or that of the PATH. Its file can be read by its owner only. */
async function backUp(url: string, file: string): Promise<void> {
  const program = pgDump();
  const { address, password } = withoutPassword(url);
  const out = await open(file, "wx", 0o600).catch((cause: unknown) => {
    throw notWritten(file, cause);
  });
  const child = spawn(program, ["--format=custom", `--dbname=${address}`], {
    stdio: ["ignore", out.fd, "inherit"],
    env: { ...env, ...(password === null ? {} : { PGPASSWORD: password }) },
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  await out.close();
  if (code === 0) return;
  throw new HoldfastError({
    code: "BACKUP_FAILED",
    message: `pg_dump ended with ${code}; what is in ${file} is no backup.`,
    next: "See what it says above.",
  });
}

/** Arguments stand in the process list; a password travels in the child's environment. */
function withoutPassword(url: string): { address: string; password: string | null } {
  const inUser = /^(\w+:\/\/[^:@/?]*):([^@/?]*)@/.exec(url);
  const inQuery = /[?&]password=([^&]*)/.exec(url);
  const found = inUser?.[2] ?? inQuery?.[1];
  if (found === undefined) return { address: url, password: null };
  const address = url
    .replace(/^(\w+:\/\/[^:@/?]*):[^@/?]*@/, "$1@")
    .replace(/([?&])password=[^&]*&?/, "$1");
  return { address, password: decodeURIComponent(found) };
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

function pgDump(): string {
  const path = env["PATH"] ?? "";
  const { bin } = findPostgres({ major: null, user: null, path });
  const found = [bin, ...path.split(delimiter)]
    .map((folder) => join(folder, "pg_dump"))
    .find((program) => existsSync(program));
  if (found !== undefined) return found;
  throw new HoldfastError({
    code: "PG_DUMP_MISSING",
    message: "There is no pg_dump on this machine.",
    next: "Install the client programs: apt-get install postgresql-client",
  });
}

const malformedVersion = (text: string) =>
  new HoldfastError({
    code: "VERSION_MALFORMED",
    message: `"${text}" is no version; nothing was changed.`,
    next: "See them with: npx holdfast migrate status",
  });
