import type { BotLog, BotLogLevel, BotLogLine } from "./bot-log.ts";

const linesMax = 100;
const messageUnitsMax = 2_000;
const fieldsUnitsMax = 4_000;

/** The log of one attempt at a turn. `write` gets each line at once, and never throws. */
export function createBotLog(write: (line: BotLogLine) => void): BotLog {
  let lines = 0;

  function line(
    level: BotLogLevel,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ): void {
    lines += 1;
    if (lines > linesMax + 1) return;
    if (lines > linesMax) {
      const told = `the bot writes more than ${linesMax} lines in this turn; the rest is left out`;
      return write({ level: "warn", message: told, fields: {} });
    }
    write({ level, message: cut(message, messageUnitsMax), fields: boundedFields(fields) });
  }

  return {
    debug: (message, fields) => line("debug", message, fields),
    info: (message, fields) => line("info", message, fields),
    warn: (message, fields) => line("warn", message, fields),
    error: (message, fields) => line("error", message, fields),
  };
}

/** A copy: the bot may change what it passed. */
function boundedFields(fields: Readonly<Record<string, unknown>>): BotLogLine["fields"] {
  try {
    const json = JSON.stringify(fields, (_key, value: unknown) => plain(value)) ?? "{}";
    if (json.length > fieldsUnitsMax) return { cut: cut(json, fieldsUnitsMax) };
    const copy: unknown = JSON.parse(json);
    return typeof copy === "object" && copy !== null ? { ...copy } : { value: copy };
  } catch {
    return { unreadable: "these fields are no JSON" };
  }
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (!(value instanceof Error)) return value;
  return { message: value.message, stack: value.stack };
}

const cut = (text: string, unitsMax: number): string =>
  (text.length <= unitsMax ? text : `${text.slice(0, unitsMax - 1)}…`).toWellFormed();
