import { beyond, type Found } from "./pending.ts";
import { floats } from "./ratchets.ts";
import { lineAt, type SourceText } from "./source-text.ts";
import type { SourceTree } from "./source-tree.ts";

/** `void a.b(…)`, `void a()`: the names of the callee, with what is chained to its answer. */
const floating =
  /(?<![\w$.])void\s+(?<callee>(?:this\.)?[\w$]+(?:\??\.[\w$]+)*)\s*(?:<[^>()]*>)?\(/g;
/** Streams of the process: their `write` answers with a boolean. */
const output: ReadonlySet<string> = new Set(["stdout", "stderr"]);
const chained: ReadonlySet<string> = new Set(["then", "finally"]);

/** Ways to declare that a name answers with a promise, or is one. */
const promising = (name: string): RegExp =>
  new RegExp(
    [
      `\\basync\\s+(?:function\\*?\\s+)?${name}\\s*(?:<[^>]*>)?\\(`,
      `\\b${name}\\s*(?:=|:)\\s*async\\b`,
      `(?:\\bfunction\\s+|^\\s*(?:readonly\\s+)?|\\bconst\\s+)${name}\\??\\s*(?:<[^>]*>)?(?:\\([^;{]*?\\)|:|\\s*=\\s*\\([^;{]*?\\))\\s*(?::|=>)?\\s*Promise<`,
    ].join("|"),
    "gm",
  );

const promise = /\bnever rejects?\b/i;

/** The comments above a line, up to the next line of code. */
function commentAbove({ code, comments }: SourceText, offset: number): string {
  const above = comments.slice(0, code.lastIndexOf("\n", offset) + 1).split("\n");
  const codeAbove = code.slice(0, code.lastIndexOf("\n", offset) + 1).split("\n");
  let text = "";
  for (
    let n = above.length - 2;
    n >= 0 && codeAbove[n]?.trim() === "" && above[n]?.trim() !== "";
    n -= 1
  )
    text = `${above[n]} ${text}`;
  return text.replaceAll(/\s*\*?\s+/g, " ");
}

/** Whether each declaration of the name that answers with a promise says that it never rejects; null: there is none. */
function declares(source: SourceText, name: string): boolean | null {
  const found = [...source.bare.matchAll(promising(name))];
  if (found.length === 0) return null;
  return found.every(({ index, 0: text }) =>
    promise.test(commentAbove(source, index + text.search(/\S/))),
  );
}

/** The file declares a function of this name, and it answers with no promise. */
const isPlain = (source: SourceText, name: string): boolean =>
  new RegExp(`\\bfunction\\s+${name}\\b|\\bconst\\s+${name}\\s*=\\s*(?:\\(|\\w+\\s*=>)`).test(
    source.bare,
  ) && declares(source, name) === null;

/**
 * Promises that float: `void f()`. Only a promise that never rejects may, so `f` says "Never
 * rejects" in the comment of its declaration. The check looks in the file itself, then in the
 * others. A name without a declaration that answers with a promise counts as a plain call. `.then`
 * and `.finally` are judged by the promise that they follow.
 */
export function floatsIn(tree: SourceTree): readonly Found[] {
  const sources = [...tree].filter(([file]) => /^(?:src|machines)\//.test(file));
  const elsewhere = new Map<string, boolean | null>();
  const declaredElsewhere = (name: string): boolean | null => {
    const known = elsewhere.get(name);
    if (known !== undefined) return known;
    const told = sources.map(([, source]) => declares(source, name)).filter((it) => it !== null);
    const answer = told.length === 0 ? null : told.some(Boolean);
    elsewhere.set(name, answer);
    return answer;
  };
  return sources.flatMap(([file, source]) =>
    [...source.bare.matchAll(floating)].flatMap(({ groups, index }) => {
      const names = (groups?.["callee"] ?? "").split(/\??\./);
      while (chained.has(names.at(-1) ?? "")) names.pop();
      const name = names.at(-1) ?? "";
      if (name === "catch") return [];
      if (output.has(names.at(-2) ?? "")) return [];
      const isOwn = names.length === 1;
      if (isOwn && isPlain(source, name)) return [];
      const safe = (isOwn ? declares(source, name) : null) ?? declaredElsewhere(name);
      if (safe !== false) return [];
      return [
        {
          name,
          breach: `${file}:${lineAt(source.bare, index)}: void ${name}() floats, and ${name} is not declared to never reject; let it catch and say "Never rejects", or await it`,
        },
      ];
    }),
  );
}

/** Floats beyond the counts in `ratchets.ts`, and counts there that are too high by now. */
export function checkFloats(
  tree: SourceTree,
  known: Readonly<Record<string, number>> = floats,
): readonly string[] {
  const names = Object.entries(known).flatMap(([name, times]) =>
    Array.from({ length: times }, () => name),
  );
  return beyond(floatsIn(tree), names, "tools/ratchets.ts");
}
