import type { Command } from "commander";
import type { Difference } from "../../adapters/postgres/catalogue.ts";
import type { RepairPlan, Repaired } from "../../adapters/postgres/schema-repair.ts";
import { HoldfastError } from "../../errors.ts";
import { createAnswers } from "../answers.ts";
import { print, printError } from "../print.ts";

interface SchemaCommandOptions {
  /** The fleet's database, as its owner. */
  databaseUrl(): Promise<string>;
  exitWith(code: number): void;
}

/** `holdfast migrate verify` and `holdfast migrate repair`: the schema as it is, and as the migrations make it. */
export function addSchemaCommands(group: Command, options: SchemaCommandOptions): void {
  group
    .command("verify")
    .description("compare the whole schema with what the migrations make, and count duplicates")
    .option("--json", "as JSON: {well, differences: [{kind, name, how, matters, what, next}]}")
    .addHelpText(
      "after",
      "\nTables, columns, constraints, indexes and their validity, views, functions, triggers. What stands beside them and\nchanges nothing is noted. Exits with 1 when something is wrong.\n\nExample:\n  npx holdfast migrate verify",
    )
    .action(({ json }: { json?: boolean }) => verify(options, json === true));

  group
    .command("repair")
    .description("bring back what the schema has lost; duplicate open sessions end first")
    .option("--yes", "do not ask")
    .option("--json", "as JSON: {mended: [name], ended, left: [{kind, name, what, why, next}]}")
    .addHelpText(
      "after",
      "\nIndexes are built beside the work of others. What no migration made is not touched, and no row is deleted. Lost tables\nand values come back from a backup only. Exits with 1 when something wrong is left.\n\nExamples:\n  npx holdfast migrate backup && npx holdfast migrate repair\n  npx holdfast migrate repair --yes --json",
    )
    .action((given: RepairGiven) => repair(options, given));
}

/** What is said of one difference. */
type Told = Pick<Difference, "kind" | "name" | "how" | "matters" | "what" | "next">;

async function verify(
  { databaseUrl, exitWith }: SchemaCommandOptions,
  asJson: boolean,
): Promise<void> {
  const found = await readDifferences(await databaseUrl());
  const wrong = found.filter(({ matters }) => matters);
  exitWith(wrong.length === 0 ? 0 : 1);
  if (asJson) {
    print(JSON.stringify({ well: wrong.length === 0, differences: found }));
    return;
  }
  for (const { matters, what, next } of found) {
    print(`${matters ? "wrong" : "note"}: ${what}; ${next}`);
  }
  print(wrong.length === 0 ? "the schema is as it should be" : `${wrong.length} problems`);
}

/** What the migrations have made is compared once all of them are applied. */
async function readDifferences(url: string): Promise<readonly Told[]> {
  const { readSchema } = await import("../../adapters/postgres/migrate.ts");
  const { drift } = await readSchema(url);
  if (drift.length > 0) return drift.map(migrationDifference);
  const { openDatabase } = await import("../../adapters/postgres/database.ts");
  const { compareCatalogue } = await import("../../adapters/postgres/catalogue.ts");
  const database = openDatabase(url, { poolMax: 1 });
  try {
    const differences = await compareCatalogue(database);
    const duplicates = await countDuplicates(database);
    return [
      ...differences.map(({ kind, name, how, matters, what, next }) => ({
        kind,
        name,
        how,
        matters,
        what,
        next,
      })),
      ...(duplicates === 0 ? [] : [duplicateDifference(duplicates)]),
    ];
  } finally {
    await database.close();
  }
}

const migrationDifference = (what: string): Told => ({
  kind: "table",
  name: "schema_migrations",
  how: what.endsWith("is pending") ? "missing" : "different",
  matters: true,
  what,
  next: what.endsWith("is pending")
    ? "npx holdfast migrate up"
    : "use the program and the migrations that this database belongs to",
});

const duplicateDifference = (users: number): Told => ({
  kind: "table",
  name: "conversation_sessions",
  how: "different",
  matters: true,
  what: `${users} chat users have several open sessions`,
  next: "npx holdfast migrate repair",
});

type Database = Parameters<
  typeof import("../../adapters/postgres/conversation-records.ts").createConversationRecords
>[0];

async function countDuplicates(database: Database): Promise<number> {
  const [{ createConversationRecords }, { conversationRules }, { conversationMachine }] =
    await Promise.all([
      import("../../adapters/postgres/conversation-records.ts"),
      import("../../../machines/conversation-rules.ts"),
      import("../../../machines/conversation.ts"),
    ]);
  const rules = conversationRules(conversationMachine);
  // A table or a column that is gone is among the differences already.
  return createConversationRecords(database, rules)
    .duplicates()
    .catch(() => 0);
}

interface RepairGiven {
  readonly yes?: boolean;
  readonly json?: boolean;
}

async function repair(options: SchemaCommandOptions, given: RepairGiven): Promise<void> {
  const { repairSchema } = await import("../../adapters/postgres/schema-repair.ts");
  const { toldPatience } = await import("../../adapters/postgres/schema-locks.ts");
  const repaired = await repairSchema(await options.databaseUrl(), {
    patience: toldPatience(printError),
    confirm: (plan) => confirmed(plan, given.yes === true),
    onStep: (statement) => printError(`… ${statement.replaceAll(/\s+/g, " ").slice(0, 200)}`),
  });
  if (!repaired.confirmed) throw notConfirmed();
  const wrong = repaired.left.filter(({ difference }) => difference.matters);
  options.exitWith(wrong.length === 0 ? 0 : 1);
  if (given.json === true) return print(JSON.stringify(asJson(repaired)));
  for (const { kind, name } of repaired.mended) print(`mended: the ${kind} ${name}`);
  if (repaired.ended > 0) {
    print(`ended: ${repaired.ended} sessions whose users have newer ones`);
  }
  for (const { difference, why } of repaired.left) {
    const { matters, what, next } = difference;
    const reason = why === null ? "" : ` (${why})`;
    print(`${matters ? "left" : "note"}: ${what}${reason}; ${nextAfter(difference, why, next)}`);
  }
  print(
    wrong.length === 0
      ? "the schema is as it should be"
      : `${wrong.length} problems are left that this command does not mend`,
  );
}

/** Whoever has just run the repair is not sent to it again. */
function nextAfter({ how }: Difference, why: string | null, next: string): string {
  if (how === "unknown" || !next.includes("migrate repair")) return next;
  return why === null
    ? "restore a backup with pg_restore, or change it in psql"
    : "once that is cleared: npx holdfast migrate repair";
}

const asJson = ({ mended, ended, left }: Repaired) => ({
  mended: mended.map(({ kind, name }) => `${kind} ${name}`),
  ended,
  left: left.map(({ difference, why }) => {
    const { kind, name, how, matters, what, next } = difference;
    return { kind, name, how, matters, what, why, next: nextAfter(difference, why, next) };
  }),
});

async function confirmed({ repairs, duplicates }: RepairPlan, isSure: boolean): Promise<boolean> {
  for (const { difference } of repairs) printError(`to mend: ${difference.what}`);
  if (duplicates > 0) {
    printError(`first, ${duplicates} chat users keep their newest open session; the others end`);
  }
  if (isSure) return true;
  const answers = createAnswers();
  try {
    return await answers.confirm("Mend these now?");
  } finally {
    answers.close();
  }
}

const notConfirmed = () =>
  new HoldfastError({
    code: "NOT_CONFIRMED",
    message: "The schema was not repaired.",
    next: "Say so with: npx holdfast migrate repair --yes",
  });
