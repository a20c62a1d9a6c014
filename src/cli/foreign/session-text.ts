import { TextDecoder } from "node:util";

/** Shorter than any session: what stands before it may be a name. */
const sessionCharactersMin = 300;

/** The text of a file in UTF-8 or UTF-16; null where it is no text. */
export function textOf(bytes: Uint8Array): string | null {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? "utf-16le"
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? "utf-16be"
        : "utf-8";
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

/**
 * A session string out of what was pasted: without marks that are not seen, quotes, a name in front (`SESSION=…`), and
 * the line ends of a mail or a terminal.
 */
export function sessionIn(text: string): string {
  const seen = text.replaceAll(/\p{Cf}/gu, "").trim();
  const [, given = seen] =
    /^(?:export\s+|const\s+|let\s+)?["']?[A-Za-z_][\w.-]*["']?\s*[=:]\s*([^]*)$/.exec(seen) ?? [];
  // The padding of a string looks like the sign between a name and its value.
  const value = given.length >= sessionCharactersMin ? given : seen;
  return value.replaceAll(/[\s"'`]|[;,]\s*$/g, "");
}

/** Why a text that was cleaned is no session string of any program. */
export function whyNoString(text: string): string {
  if (text === "") return "nothing stands in it";
  const odd = /[^\w+/=-]/.exec(text)?.[0];
  if (odd !== undefined) return "it holds characters that no session string has";
  const bytes = Buffer.from(text.replace(/^1/, ""), "base64url").length;
  if (bytes < 256) return `it is too short: ${text.length} characters, and a key alone takes 342`;
  return `none of theirs is ${text.length} characters long, or it was cut or changed`;
}
