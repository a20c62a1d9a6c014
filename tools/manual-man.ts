import { readFileSync } from "node:fs";
import type { Command, Option } from "commander";
import { createProgram } from "../src/cli/program.ts";

const program = await createProgram(() => undefined);
const { version } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { readonly version: string };

/** Text as roff shows it: no line begins a request, no dash is made a hyphen. */
const roff = (text: string): string =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^([.'])/gm, "\\&$1");

const shown = (command: Command): readonly Command[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== "help");

const optionLines = ({ flags, description }: Option): readonly string[] => [
  ".RS",
  ".TP",
  `.B ${roff(flags)}`,
  roff(description),
  ".RE",
];

function commandLines(command: Command, above: string): readonly string[] {
  const path = `${above} ${command.name()}`;
  const inner = shown(command);
  if (inner.length > 0) return inner.flatMap((one) => commandLines(one, path));
  return [
    ".TP",
    `.B ${roff(`${path} ${command.usage()}`.trim())}`,
    roff(command.description()),
    ...command.options.flatMap(optionLines),
  ];
}

/** `man holdfast`: every command with its options, by group. */
export function manPage(): string {
  const groups = Map.groupBy(shown(program), (command) => command.helpGroup().replace(/:$/, ""));
  const commands = [...groups].flatMap(([group, members]) => [
    `.SS ${roff(group)}`,
    ...members.flatMap((command) => commandLines(command, "holdfast")),
  ]);
  return [
    `.TH HOLDFAST 1 "" "holdfast ${version}" "User Commands"`,
    ".SH NAME",
    "holdfast \\- holds Telegram accounts so that they are never logged out",
    ".SH SYNOPSIS",
    ".B holdfast",
    "[\\fIcommand\\fR] [\\fIoptions\\fR]",
    ".SH DESCRIPTION",
    "Without a command it shows the fleet and what to do next.",
    "Each command shows examples with \\-\\-help.",
    ".SH COMMANDS",
    ...commands,
    ".SH EXIT STATUS",
    ".TP",
    ".B 0",
    "It is well.",
    ".TP",
    ".B 1",
    "It was refused, failed, or found something wrong.",
    ".TP",
    ".B 2",
    "The command line makes no sense; nothing was done.",
    ".TP",
    ".B 3",
    "Nothing answers; the same command may work later.",
    ".TP",
    ".B 4",
    "Of metrics: a figure is critical.",
    ".SH ENVIRONMENT",
    "HOLDFAST_HOME names the folder of a service, HOLDFAST_NATS_URL a fleet elsewhere.",
    "docs/operating.md lists every variable.",
    "",
  ].join("\n");
}
