export type BotLogLevel = "debug" | "info" | "warn" | "error";

/** One line that a bot wrote. Data alone: it can cross to another process. */
export interface BotLogLine {
  readonly level: BotLogLevel;
  readonly message: string;
  /** JSON. */
  readonly fields: Readonly<Record<string, unknown>>;
}

type WriteLine = (message: string, fields?: Readonly<Record<string, unknown>>) => void;

/**
 * Writes to the log of the host, at once, whatever becomes of the turn. A line has at most 2,000 UTF-16 units and
 * 4,000 of fields, and is cut; an attempt at a turn writes at most 100. Fields are JSON; an error stands there with its
 * stack. Never throws.
 */
export type BotLog = Readonly<Record<BotLogLevel, WriteLine>>;
