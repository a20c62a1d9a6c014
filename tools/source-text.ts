/** A string literal of a source text, without its quotes; templates are not among them. */
export interface Literal {
  readonly value: string;
  /** Offset of the opening quote. */
  readonly start: number;
  /** Offset behind the closing quote. */
  readonly end: number;
}

/** A TypeScript text, read as far as the checks need it. All parts keep the length and the lines of the text. */
export interface SourceText {
  /** Comments are blank. */
  readonly code: string;
  /** Comments, the contents of strings and of templates, and regular expressions are blank. */
  readonly bare: string;
  /** Code is blank, comments stand. */
  readonly comments: string;
  /** Strings between single or double quotes, in order. */
  readonly literals: readonly Literal[];
}

const blank = (text: string): string => text.replaceAll(/[^\n]/g, " ");

/** A slash behind one of these begins a regular expression; behind anything else it divides. */
const beforeRegex =
  /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|await|void))\s*$/;

const tokens =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/(?![/*])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*|[`{}]/g;

/** Reads a text from left to right: comments, strings, templates with their `${}`, regular expressions. */
export function readSource(text: string): SourceText {
  const parts = { code: "", bare: "", comments: "" };
  const literals: Literal[] = [];
  /** Of each open brace: whether it belongs to a `${}` of a template. */
  const braces: boolean[] = [];
  let at = 0;

  const put = (end: number, kind: "code" | "comment" | "string" | "template") => {
    const part = text.slice(at, end);
    const bare = kind === "string" ? `${part[0]}${blank(part.slice(1, -1))}${part.at(-1)}` : part;
    parts.code += kind === "comment" ? blank(part) : part;
    parts.bare += kind === "comment" || kind === "template" ? blank(part) : bare;
    parts.comments += kind === "comment" ? part : blank(part);
    at = end;
  };

  /** The text of a template up to its end or to the next `${`, from `at`. */
  const template = () => {
    let end = at;
    while (end < text.length && text[end] !== "`" && !text.startsWith("${", end))
      end += text[end] === "\\" ? 2 : 1;
    put(end, "template");
    if (text[end] === "`") put(end + 1, "code");
    else if (end < text.length) {
      put(end + 2, "code");
      braces.push(true);
    }
  };

  const token = new RegExp(tokens);
  for (;;) {
    token.lastIndex = at;
    const match = token.exec(text);
    if (match === null) break;
    const [found] = match;
    const isRegex = found.length > 1 && /^\/(?![/*])/.test(found);
    put(match.index, "code");
    if (isRegex && !beforeRegex.test(parts.bare.slice(-80))) put(at + 1, "code");
    else if (isRegex) put(at + found.length, "template");
    else if (found.startsWith("/")) put(at + found.length, "comment");
    else if (found === "`") {
      put(at + 1, "code");
      template();
    } else if (found === "{") {
      put(at + 1, "code");
      braces.push(false);
    } else if (found === "}") {
      put(at + 1, "code");
      if (braces.pop() === true) template();
    } else {
      const end = at + found.length;
      literals.push({ value: found.slice(1, -1), start: at, end });
      put(end, "string");
    }
  }
  put(text.length, "code");
  return { ...parts, literals };
}

/** The line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (
    let next = text.indexOf("\n");
    next !== -1 && next < offset;
    next = text.indexOf("\n", next + 1)
  )
    line += 1;
  return line;
}

/** Offset behind the bracket that closes the one at `open`, in a bare text; its end when none does. */
export function closing(bare: string, open: number): number {
  let depth = 0;
  for (let at = open; at < bare.length; at += 1) {
    if ("([{".includes(bare[at] ?? " ")) depth += 1;
    if (")]}".includes(bare[at] ?? " ")) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return bare.length;
}
