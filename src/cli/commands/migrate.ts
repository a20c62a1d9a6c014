import type { Command } from "commander";
import { migrate, migrateDown, readSchema } from "../../adapters/postgres/migrate.ts";
import { toldPatience } from "../../adapters/postgres/schema-locks.ts";
import { rolesMissing } from "../../adapters/postgres/roles.ts";
import { HoldfastError } from "../../errors.ts";
import { createAnswers } from "../answers.ts";
import { ownerDatabaseUrl } from "../owner-database.ts";
import { dumpDatabase } from "../backup/dump.ts";
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
      const { applied, version, roles } = await migrate(await ownerDatabaseUrl(env), { patience });
      for (const label of applied) print(`applied ${label}`);
      print(`schema version ${version}, ${applied.length} migrations applied`);
      if (!roles) print(rolesMissing);
    });

  group
    .command("down <version>")
    .description("undo the migrations above a version; stop every host first")
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      "\nExample:\n  npx holdfast migrate backup && npx holdfast migrate down 8 --yes",
    )
    .action(async (text: string, { yes }: { yes?: boolean }) => {
      const version = Number(text);
      if (!/^\d{1,4}$/.test(text)) throw malformedVersion(text);
      if (yes !== true && !(await isSure(version))) throw notUndone(version);
      const undone = await migrateDown(await ownerDatabaseUrl(env), version, { patience });
      for (const label of undone) print(`undone ${label}`);
      print(undone.length === 1 ? "1 migration undone" : `${undone.length} migrations undone`);
    });

  group
    .command("status")
    .description("which migrations are applied and which are pending")
    .addHelpText("after", "\nExample:\n  npx holdfast migrate status")
    .action(async () => {
      const { migrations } = await readSchema(await ownerDatabaseUrl(env));
      for (const { label, state } of migrations) print(`${state.padEnd(8)} ${label}`);
    });

  addSchemaCommands(group, { databaseUrl: () => ownerDatabaseUrl(env), exitWith });

  group
    .command("backup [file]")
    .description("write the database to a file, for pg_restore")
    .addHelpText("after", "\nExample:\n  npx holdfast migrate backup before-upgrade.dump")
    .action(async (file: string | undefined) => {
      const name = file ?? `holdfast-${new Date().toISOString().replaceAll(/[:.]/g, "-")}.dump`;
      await dumpDatabase(await ownerDatabaseUrl(env), name);
      print(
        `the database is in ${name}; restore it with: pg_restore --clean --if-exists --dbname=… ${name}`,
      );
    });
}

const patience = toldPatience(print);

async function isSure(version: number): Promise<boolean> {
  const answers = createAnswers();
  try {
    return await answers.confirm(
      `Undo what came after version ${version}? Tables and columns go, with all that is in them.`,
    );
  } finally {
    answers.close();
  }
}

const notUndone = (version: number) =>
  new HoldfastError({
    code: "NOT_CONFIRMED",
    message: "No migration was undone.",
    next: `Say so with: npx holdfast migrate down ${version} --yes`,
  });

const malformedVersion = (text: string) =>
  new HoldfastError({
    code: "VERSION_MALFORMED",
    message: `"${text}" is no version; nothing was changed.`,
    next: "See them with: npx holdfast migrate status",
  });
