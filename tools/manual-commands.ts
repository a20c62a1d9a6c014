import type { Command } from "commander";
import { createProgram } from "../src/cli/program.ts";

const program = await createProgram(() => undefined);

/** Those that the help shows, but for `help` itself. */
const visible = program
  .createHelp()
  .visibleCommands(program)
  .filter((command) => command.name() !== "help");

const usageOf = (command: Command, path: string): string => {
  const given = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  return [`npx holdfast ${path}`, ...given].join(" ");
};

function rowOf(command: Command, path: string): string {
  const [alias] = command.aliases();
  const also = alias === undefined ? "" : ` (also \`${alias}\`)`;
  return `| \`${usageOf(command, path)}\`${also} | ${command.description()} |`;
}

/** A command that only holds others is told by those. */
function rowsOf(command: Command, above: string): readonly string[] {
  const path = `${above}${command.name()}`;
  if (command.commands.length === 0) return [rowOf(command, path)];
  return command.commands.flatMap((one) => rowsOf(one, `${path} `));
}

/** README's tables of commands, one for each group of the program. */
export function commandTables(): string {
  const groups = new Map<string, readonly Command[]>();
  for (const command of visible) {
    const heading = command.helpGroup().replace(/:$/, "");
    groups.set(heading, [...(groups.get(heading) ?? []), command]);
  }
  return [...groups.entries()]
    .map(([heading, commands]) =>
      [`| ${heading} | |`, "|---|---|", ...commands.flatMap((command) => rowsOf(command, ""))].join(
        "\n",
      ),
    )
    .join("\n\n");
}

/** The rows of src/cli/command-summaries.ts: what the list of commands shows without loading one. */
export function commandSummaries(): string {
  const help = program.createHelp();
  return visible
    .map((command) => [command.helpGroup(), help.subcommandTerm(command), command.description()])
    .map((row) => `  [${row.map((cell) => JSON.stringify(cell)).join(", ")}],`)
    .join("\n");
}
