import { HoldfastError } from "../errors.ts";

/** Which lines of a log are shown, and how. */
export interface LogChoice {
  /** null: of all. */
  readonly account: string | null;
  /** Milliseconds since 1970; null: from the beginning. */
  readonly fromMs: number | null;
  /** As pino counts; 0: all, lines of programs that write text included. */
  readonly level: number;
  /** As the log has them. */
  readonly isJson: boolean;
}

const levelNames: Readonly<Record<string, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
};
const nameOf = new Map(Object.entries(levelNames).map(([name, level]) => [level, name]));

/** Throws OPTION_MALFORMED. */
export function levelIn(typed: string | undefined): number {
  if (typed === undefined) return 0;
  const level = Object.hasOwn(levelNames, typed) ? levelNames[typed] : undefined;
  if (level !== undefined) return level;
  throw new HoldfastError({
    code: "OPTION_MALFORMED",
    message: `--level ${JSON.stringify(typed.slice(0, 40))} is no level; nothing was read.`,
    next: `Choose one of: ${Object.keys(levelNames).join(", ")}`,
  });
}

function entryOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const entry: unknown = JSON.parse(text);
    return typeof entry === "object" && entry !== null
      ? (entry as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}

/** One line of the gate's and the node's log as it is shown; null: it is none of the chosen ones. */
export function logLine(text: string, choice: LogChoice): string | null {
  const { account, fromMs, level, isJson } = choice;
  const entry = entryOf(text);
  if (entry === null) {
    const isAny = account === null && fromMs === null && level === 0;
    if (!isAny) return null;
    return isJson ? JSON.stringify({ msg: text }) : text;
  }
  const atMs = Number(entry["time"]);
  const isChosen =
    (account === null || entry["account"] === account) &&
    (fromMs === null || atMs >= fromMs) &&
    Number(entry["level"]) >= level;
  if (!isChosen) return null;
  if (isJson) return text;
  const at = Number.isFinite(atMs) ? new Date(atMs).toISOString() : "";
  const shownLevel = (nameOf.get(Number(entry["level"])) ?? "").padEnd(5);
  const of = typeof entry["account"] === "string" ? `${entry["account"]}: ` : "";
  return `${at}  ${shownLevel}  ${of}${String(entry["msg"])}${fieldsOf(entry)}`;
}

/** What a bot wrote beside its line. */
function fieldsOf({ fields }: Readonly<Record<string, unknown>>): string {
  const isShown = typeof fields === "object" && fields !== null && Object.keys(fields).length > 0;
  return isShown ? ` ${JSON.stringify(fields)}` : "";
}
