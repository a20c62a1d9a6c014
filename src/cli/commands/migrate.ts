import type { Command } from "commander";
import { conversationMachine } from "../../../machines/conversation.ts";
import { conversationRules } from "../../../machines/conversation-rules.ts";
import { migrate, migrateDown, readSchema } from "../../adapters/postgres/migrate.ts";
import { toldPatience } from "../../adapters/postgres/schema-locks.ts";
import { createConversationRecords } from "../../adapters/postgres/conversation-records.ts";
import { openDatabase } from "../../adapters/postgres/database.ts";
import { rolesMissing } from "../../adapters/postgres/roles.ts";
import { HoldfastError } from "../../errors.ts";
import { ownerDatabaseUrl } from "../owner-database.ts";
import { dumpDatabase } from "../backup/dump.ts";
import { print } from "../print.ts";

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
    .addHelpText(
      "after",
      "\nExample:\n  npx holdfast migrate backup && npx holdfast migrate down 8",
    )
    .action(async (text: string) => {
      const version = Number(text);
      if (!/^\d{1,4}$/.test(text)) throw malformedVersion(text);
      const undone = await migrateDown(await ownerDatabaseUrl(env), version, { patience });
      for (const label of undone) print(`undone ${label}`);
      print(`${undone.length} migrations undone`);
    });

  group
    .command("status")
    .description("which migrations are applied and which are pending")
    .addHelpText("after", "\nExample:\n  npx holdfast migrate status")
    .action(async () => {
      const { migrations } = await readSchema(await ownerDatabaseUrl(env));
      for (const { label, state } of migrations) print(`${state.padEnd(8)} ${label}`);
    });

  group
    .command("verify")
    .description("compare the schema with the files: drift, indexes, duplicate sessions")
    .addHelpText(
      "after",
      "\nExits with 1 when something is wrong.\n\nExample:\n  npx holdfast migrate verify",
    )
    .action(async () => {
      const url = await ownerDatabaseUrl(env);
      const { problems } = await readSchema(url);
      const duplicates = await countDuplicates(url);
      const found = [
        ...problems,
        ...(duplicates === 0 ? [] : [`${duplicates} chat users have several open sessions`]),
      ];
      for (const problem of found) print(`wrong: ${problem}`);
      print(found.length === 0 ? "the schema is as it should be" : `${found.length} problems`);
      exitWith(found.length === 0 ? 0 : 1);
    });

  group
    .command("backup [file]")
    .description("write the database to a file, for pg_restore")
    .addHelpText("after", "\nExample:\n  npx holdfast migrate backup before-upgrade.dump")
    .action(async (file: string | undefined) => {
      const name = file ?? `holdfast-${new Date().toISOString().replaceAll(/[:.]/g, "-")}.dump`;
      await dumpDatabase(await ownerDatabaseUrl(env), name);
      print(`the database is in ${name}; restore it with: pg_restore --clean --dbname=… ${name}`);
    });
}

const patience = toldPatience(print);

async function countDuplicates(url: string): Promise<number> {
  const database = openDatabase(url);
  try {
    const rules = conversationRules(conversationMachine);
    return await createConversationRecords(database, rules).duplicates();
  } finally {
    await database.close();
  }
}

const malformedVersion = (text: string) =>
  new HoldfastError({
    code: "VERSION_MALFORMED",
    message: `"${text}" is no version; nothing was changed.`,
    next: "See them with: npx holdfast migrate status",
  });
