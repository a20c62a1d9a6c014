import type { Command } from "commander";

/** A word by which a secret is named, wherever it stands between hyphens. */
const secretWord =
  /(?:^|-)(?:auth|code|credential|cred|hash|key|passphrase|password|phone|pin|secret|seed|session|token)s?(?=-|$)/;
/** Words for an address, in which a user's name and password may stand. */
const addressWord = /(?:^|-)(?:address|dsn|proxy|uri|url)(?=-|$)/;
/** A place where a secret lies, or its public mark. */
const harmless = /(?:^|-)(?:file|folder|id|path)$/;

/** Arguments and options that are named like a secret and carry none, with the reason. */
const excused: Readonly<Record<string, string>> = {
  "send --key": "the sender's own name for a message, so that it is sent once",
  "caller add --key": "the public half of a key",
  "conversation show <session>": "the number of a conversation",
  "conversation park <session>": "the number of a conversation",
  "conversation reply <session>": "the number of a conversation",
  "conversation reply --key": "the person's own name for an answer, so that it is sent once",
  "conversation replay --session": "a switch without a value",
  "remove --keep-keys": "a switch without a value",
  "add --proxy": "an address with a user's name is refused",
  "import --proxy": "an address with a user's name is refused",
  "adopt conversations --from": "an address with a password is refused",
  "proxy [url]": "an address with a user's name is refused",
};

interface Place {
  readonly label: string;
  /** The names that tell what stands there. */
  readonly names: readonly string[];
}

function placesOf(command: Command, path: string): readonly Place[] {
  const given = command.registeredArguments.map((argument) => {
    const name = argument.name();
    return { label: `${path} ${argument.required ? `<${name}>` : `[${name}]`}`, names: [name] };
  });
  const options = command.options.map(({ long, short, flags }) => {
    const flag = long ?? short ?? flags;
    const value = /[<[](.+)[>\]]/.exec(flags)?.[1]?.replaceAll(" ", "-");
    const name = flag.replace(/^-+(?:no-)?/, "");
    return { label: `${path} ${flag}`, names: value === undefined ? [name] : [name, value] };
  });
  return [...given, ...options];
}

const placesUnder = (command: Command, above: string): readonly Place[] =>
  command.commands.flatMap((one) => {
    const path = `${above}${one.name()}`;
    return [...placesOf(one, path), ...placesUnder(one, `${path} `)];
  });

const maybeSecret = ({ names }: Place): boolean =>
  !names.some((name) => harmless.test(name)) &&
  names.some((name) => secretWord.test(name) || addressWord.test(name));

/**
 * One line for each argument or option that may carry a secret, as all arguments stand in the process list and in the
 * shell's history; and one for each excuse that nothing needs. `excuses`: by command and name.
 */
export function checkArguments(
  program: Command,
  excuses: Readonly<Record<string, string>> = excused,
): readonly string[] {
  const places = [...placesOf(program, program.name()), ...placesUnder(program, "")];
  const found = places.filter(maybeSecret).map(({ label }) => label);
  return [
    ...found
      .filter((label) => !Object.hasOwn(excuses, label))
      .map((label) => `${label} is named like a secret: read it from standard input or a file`),
    ...Object.keys(excuses)
      .filter((label) => !found.includes(label))
      .map((label) => `${label} is excused in tools/check-arguments.ts, and no command has it`),
  ];
}
