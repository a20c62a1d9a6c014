import { closing, lineAt, type SourceText } from "./source-text.ts";
import { type SourceTree, targetOf } from "./source-tree.ts";

/** Something that a file exports by its own name. */
export interface Exported {
  readonly name: string;
  readonly isType: boolean;
  /** From 1. */
  readonly line: number;
  /** The file itself uses it too. */
  readonly isUsedInFile: boolean;
}

const declared =
  /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?<kind>function\*?|class|const|let|interface|type)\s+(?<name>[\w$]+)/gm;
const listed = /^export\s+(?:type\s+)?\{(?<names>[^}]*)\}\s*;/gm;

const timesNamed = (bare: string, name: string): number =>
  bare.match(new RegExp(`(?<![\\w$])${name.replaceAll("$", "\\$")}(?![\\w$])`, "g"))?.length ?? 0;

/** Names of a list in braces: those of the other file, before `as`. */
const namesOf = (list: string): readonly string[] =>
  list
    .split(",")
    .map(
      (part) =>
        part
          .trim()
          .replace(/^type\s+/, "")
          .split(/\s+as\s+/)[0] ?? "",
    )
    .filter((name) => name !== "");

/** A file's exports by declaration; a re-export from another file counts as an import there. */
export function exportsOf({ bare }: SourceText): readonly Exported[] {
  const of = (name: string, kind: string, offset: number): Exported => ({
    name,
    isType: kind === "interface" || kind === "type",
    line: lineAt(bare, offset),
    isUsedInFile: timesNamed(bare, name) > 1,
  });
  return [
    ...[...bare.matchAll(declared)].map(({ groups, index }) =>
      of(groups?.["name"] ?? "", groups?.["kind"] ?? "", index),
    ),
    ...[...bare.matchAll(listed)].flatMap(({ groups, index }) =>
      namesOf(groups?.["names"] ?? "").map((name) => of(name, "const", index)),
    ),
  ];
}

/** Names that a file imports from another; null: all its exports. */
interface Taken {
  readonly from: string;
  readonly names: readonly string[] | null;
}

const statement =
  /(?:^|[\n;])\s*(?:import|export)\s+(?:type\s+)?(?<what>[^"'();]*?)\s*\bfrom\s+["'](?<from>\.[^"']+)["']/g;
const whole =
  /\bimport\(\s*["'](?<from>\.[^"']+)["']|\bimport\.meta\.resolve\(\s*["'](?<url>\.[^"']+)["']/g;

/** A file's imports from other files of the repository. */
function takenBy(file: string, { code }: SourceText): readonly Taken[] {
  return [
    ...[...code.matchAll(statement)].map(({ groups }) => {
      const what = groups?.["what"] ?? "";
      const open = what.indexOf("{");
      const names = what.includes("*")
        ? null
        : namesOf(open === -1 ? "" : what.slice(open + 1, closing(what, open) - 1));
      return { from: targetOf(file, groups?.["from"] ?? ""), names };
    }),
    ...[...code.matchAll(whole)].map(({ groups }) => ({
      from: targetOf(file, groups?.["from"] ?? groups?.["url"] ?? ""),
      names: null,
    })),
  ];
}

/** The users of each name: `users(file, name)` are the files that import it. */
export function usersIn(tree: SourceTree): (file: string, name: string) => readonly string[] {
  const users = new Map<string, string[]>();
  const add = (key: string, user: string) => users.set(key, [...(users.get(key) ?? []), user]);
  for (const [user, source] of tree)
    for (const { from, names } of takenBy(user, source))
      for (const name of names ?? ["*"]) add(`${from} ${name}`, user);
  return (file, name) => [
    ...(users.get(`${file} ${name}`) ?? []),
    ...(users.get(`${file} *`) ?? []),
  ];
}
