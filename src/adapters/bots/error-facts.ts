import { relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { HoldfastError } from "../../errors.ts";
import type { ErrorFacts } from "./messages.ts";

const messageMax = 2_000;
const wordMax = 64;
const place = /(file:\/\/\/[^\s()?]+|\/[^\s()?:]+)(?:\?[^\s():]*)?:(\d+)(?::(\d+))?/g;

/** Any thrown value, short enough to cross. @param folder of the bot's sources */
export function factsOf(error: unknown, folder: string): ErrorFacts {
  const cause = error instanceof Error ? error.cause : undefined;
  const where = whereIn(error, folder) ?? whereIn(cause, folder);
  const told: Partial<HoldfastError> = isTold(error) ? error : {};
  return {
    code: (told.code ?? "UNEXPECTED").slice(0, wordMax),
    message: messageOf(error).slice(0, messageMax),
    ...(told.next !== undefined && { next: told.next.slice(0, messageMax) }),
    policy: told.policy === "retryable" ? "retryable" : "terminal",
    ...(typeof told.waitSeconds === "number" && { waitSeconds: told.waitSeconds }),
    ...(where !== null && { where }),
  };
}

/** The error that has crossed, as it is thrown here. */
export function errorOf({ code, message, next, policy, waitSeconds, where }: ErrorFacts) {
  const at = where === undefined ? "" : ` (${where})`;
  return new HoldfastError({
    code,
    message: `${message}${at}`,
    ...(next !== undefined && { next }),
    policy,
    waitSeconds,
  });
}

/** A bot may have a copy of this package of its own, whose classes are others. */
const isTold = (error: unknown): error is HoldfastError =>
  error instanceof HoldfastError ||
  (error instanceof Error &&
    error.name === "HoldfastError" &&
    "code" in error &&
    "policy" in error);

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  try {
    return String(error);
  } catch {
    return "a value that has no text";
  }
}

/** The first place of a stack that lies in the folder, and not in a package there. */
function whereIn(error: unknown, folder: string): string | null {
  if (!(error instanceof Error) || typeof error.stack !== "string") return null;
  for (const [, file = "", line = "", column] of error.stack.matchAll(place)) {
    const path = file.startsWith("file:") ? pathOf(file) : file;
    if (!path.startsWith(`${folder}${sep}`) || path.includes(`${sep}node_modules${sep}`)) continue;
    return `${relative(folder, path)}:${line}${column === undefined ? "" : `:${column}`}`;
  }
  return null;
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return "";
  }
}
