import { HoldfastError } from "../../errors.ts";
import { hostileIn } from "./hostile-values.ts";

type Body = Readonly<Record<string, unknown>>;

/** As much as NATS carries by default. */
const bytesMax = 1024 * 1024;
/** Far deeper than any method of Telegram's, and far shallower than a call stack. */
const depthMax = 64;

/**
 * The fields of a command, from the bytes that arrived; none for no bytes. Throws COMMAND_MALFORMED for a body that
 * is too long, too deep, no JSON or no object, or holds what nothing behind it could take.
 */
export function readBody(bytes: Uint8Array): Body {
  if (bytes.length === 0) return {};
  if (bytes.length > bytesMax) {
    throw malformed(`has ${bytes.length} bytes, and ${bytesMax} are the most`);
  }
  const text = new TextDecoder().decode(bytes);
  if (isTooDeep(text)) throw malformed(`is nested more than ${depthMax} deep`);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw malformed("is not JSON", cause);
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw malformed("is no JSON object");
  }
  refuseHostile(body);
  return body as Body;
}

/** Throws COMMAND_MALFORMED for what nothing behind a command could take. */
export function refuseHostile(value: object): void {
  const why = hostileIn(value);
  if (why !== null) throw malformed(why);
}

/** Looked at before it is parsed: what comes later walks it by calls that nest as deep. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (isQuoted) {
      if (letter === "\\") at += 1;
      else if (letter === '"') isQuoted = false;
    } else if (letter === '"') isQuoted = true;
    else if (letter === "{" || letter === "[") {
      depth += 1;
      if (depth > depthMax) return true;
    } else if (letter === "}" || letter === "]") depth -= 1;
  }
  return false;
}

const malformed = (why: string, cause?: unknown) =>
  new HoldfastError({
    code: "COMMAND_MALFORMED",
    message: `The body of the command ${why}; nothing was changed.`,
    next: "Send a JSON object, or nothing.",
    cause,
  });
