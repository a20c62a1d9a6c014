import { readFileSync } from "node:fs";
import { Command } from "commander";
import { packageFile } from "../files.ts";
import { commandFiles, completionNames } from "./command-files.ts";
import { commandSummaries } from "./command-summaries.ts";
import { readAccountName } from "../ports/accounts/account-name.ts";
import { collectPrinted } from "./print.ts";

type SetExitCode = (code: number) => void;

function emptyProgram(): Command {
  return new Command("holdfast")
    .description("Holds Telegram accounts so that they are never logged out")
    .usage("<command> [options]")
    .helpOption("-h, --help", "show this help")
    .addHelpText(
      "after",
      "\nEach command has examples: npx holdfast send --help\nWhere to begin: npx holdfast start, then npx holdfast status",
    )
    .exitOverride();
}

/** Misuse of a command is answered with that command's own help. */
function pointAtHelp(command: Command, path: string): void {
  command.showHelpAfterError(`(try: npx ${path} --help)`);
  for (const one of command.commands) pointAtHelp(one, `${path} ${one.name()}`);
}

/** These answer in JSON anyway, speak with a person, or with a shell. */
const withoutAnswer: ReadonlySet<string> = new Set([
  "start",
  "chat",
  "call",
  "completion",
  "complete",
]);

/** A command without a shape of its own answers with the lines that it would print. */
function offerJson(command: Command): void {
  for (const one of command.commands) offerJson(one);
  const isLeaf = command.commands.length === 0 && command.parent !== null;
  const hasOwn = command.options.some(({ long }) => long === "--json");
  if (!isLeaf || hasOwn || withoutAnswer.has(command.name())) return;
  command
    .option("--json", "as JSON: ok, exitCode, said (the lines)")
    .hook("preAction", (_program, action) => {
      if (action.opts()["json"] === true) collectPrinted();
    });
}

/** Lines of a log may be of another channel, whose accounts have names of their own. */
const withOtherNames: ReadonlySet<string> = new Set(["logs"]);

/** An account's name is read before anything is asked, of a person or of a node. */
function readNames({ commands }: Command): void {
  for (const command of commands) {
    if (withOtherNames.has(command.name())) continue;
    for (const argument of command.registeredArguments)
      if (argument.name() === "account") argument.argParser(readAccountName);
  }
}

/** Every command with its description, by group. Loads the files of all of them. */
export async function createProgram(setExitCode: SetExitCode): Promise<Command> {
  const program = emptyProgram();
  for (const [group, files] of Object.entries(commandFiles)) {
    program.commandsGroup(group);
    for (const { load } of files) (await load())(program, setExitCode);
  }
  offerJson(program);
  readNames(program);
  pointAtHelp(program, "holdfast");
  return program;
}

/** The program with the one command that is typed; null: there is no such command. */
async function programOf(typed: string, setExitCode: SetExitCode): Promise<Command | null> {
  const files = Object.values(commandFiles).flat();
  const file = files.find(({ names }) => names.includes(typed));
  if (file === undefined) return null;
  const program = emptyProgram();
  (await file.load())(program, setExitCode);
  offerJson(program);
  readNames(program);
  pointAtHelp(program, "holdfast");
  return program;
}

/** The commands by name alone, for the list of them and for a name that is none. */
function summarisedProgram(): Command {
  const program = emptyProgram();
  const terms = new Map<string, string>();
  for (const [group, term, description] of commandSummaries) {
    const [names = ""] = term.split(" ");
    const [name = "", ...aliases] = names.split("|");
    terms.set(name, term);
    program.command(name).aliases(aliases).description(description).helpGroup(group);
  }
  program.configureHelp({
    subcommandTerm: (command) => terms.get(command.name()) ?? "help [command]",
  });
  pointAtHelp(program, "holdfast");
  return program;
}

/**
 * The part of the program that these arguments need: the list of all commands needs the file of none, and a command
 * its own.
 */
export async function programFor(
  args: readonly string[],
  setExitCode: SetExitCode,
): Promise<Command> {
  const [first, second] = args.filter((arg) => !arg.startsWith("-"));
  const typed = first === "help" ? second : first;
  if (typed !== undefined && completionNames.includes(typed)) return createProgram(setExitCode);
  const found = typed === undefined ? null : await programOf(typed, setExitCode);
  const program = found ?? summarisedProgram();
  if (args.some((arg) => arg === "--version" || arg === "-V") && first === undefined)
    program.version(versionOf(), "-V, --version");
  return program;
}

function versionOf(): string {
  const text = readFileSync(packageFile("package.json"), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}
