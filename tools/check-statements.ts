import { usersIn } from "./module-names.ts";
import type { Found } from "./pending.ts";
import { lineAt, type SourceText } from "./source-text.ts";
import { isNoTest, type SourceTree } from "./source-tree.ts";

/** A definition at the top of a file, from its first line to the next definition. */
interface Definition {
  readonly name: string;
  readonly isExported: boolean;
  readonly start: number;
  readonly end: number;
}

const heads =
  /^(?<exported>export\s+)?(?:async\s+)?(?:const|let|function\*?|class|interface|type)\s+(?<name>\w+)/gm;

function definitionsOf({ bare }: SourceText): readonly Definition[] {
  const found = [...bare.matchAll(heads)];
  return found.map(({ groups, index }, n) => ({
    name: groups?.["name"] ?? "",
    isExported: groups?.["exported"] !== undefined,
    start: index,
    end: found[n + 1]?.index ?? bare.length,
  }));
}

const sql =
  /[`"']\s*(?:select\s|insert\s+into\s|update\s+\w+\s+(?:set\s|\$)|delete\s+from\s|with\s+(?:\w+\s+as\s|\$))/;
/** Words that mark the line of an object's member as SQL or a part of it. */
const sqlPart = /[`"'][^\n]*\b(?:select|update|set|delete from|insert into)\b[^\n]*\bwhere\b/;

/** Where a member of an object stands: from its line to the line that closes it. The formatter's indents tell. */
function memberSpan(bare: string, offset: number): readonly [number, number] {
  const start = bare.lastIndexOf("\n", offset) + 1;
  const indent = /^ */.exec(bare.slice(start, start + 80))?.[0].length ?? 0;
  let end = bare.indexOf("\n", start);
  for (;;) {
    const next = /^( *)(\S)/.exec(bare.slice(end + 1, end + 200));
    const isInside = next !== null && next[1]!.length > indent;
    const isClosing = next !== null && next[1]!.length === indent && /[}\])`]/.test(next[2]!);
    const isBlank = bare[end + 1] === "\n" || (next === null && end + 1 < bare.length);
    if (end === -1 || (!isInside && !isClosing && !isBlank))
      return [start, end === -1 ? bare.length : end];
    end = bare.indexOf("\n", end + 1);
    if (isClosing) return [start, end === -1 ? bare.length : end];
  }
}

function membersNamed(bare: string, name: string): readonly (readonly [number, number])[] {
  const member = new RegExp(
    `^ +(?:(?:async|get) )?\\*?"?${name.replaceAll(".", "\\.")}"?(?:\\(|:[ \\n]|<)`,
    "gm",
  );
  return [...bare.matchAll(member)].map(({ index }) => memberSpan(bare, index));
}

/** A text with some of its spans blanked. */
const without = (text: string, spans: readonly (readonly [number, number])[]): string =>
  spans.reduce(
    (left, [start, end]) =>
      left.slice(0, start) + left.slice(start, end).replaceAll(/[^\n]/g, " ") + left.slice(end),
    text,
  );

/** Names of definitions that the roots reach, over the remaining text. */
function reached(
  text: string,
  definitions: readonly Definition[],
  roots: readonly string[],
): ReadonlySet<string> {
  const seen = new Set<string>();
  const left = [...roots];
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const { start, end } of definitions.filter((one) => one.name === name)) {
      const words = new Set(text.slice(start, end).match(/\w+/g));
      left.push(...definitions.map((one) => one.name).filter((other) => words.has(other)));
    }
  }
  return seen;
}

/** The unused parts of the rooms beside the adapters. */
export interface Unused {
  /** Methods of ports, without the name of their port. */
  readonly methods: readonly string[];
  /** Events of machines. */
  readonly events: readonly string[];
}

/**
 * SQL of `src/adapters/postgres` that no program reaches: definitions that no used export reaches,
 * statements in methods without a caller, and entries of tables of statements under an event that
 * is never sent.
 */
export function checkStatements(tree: SourceTree, { methods, events }: Unused): readonly Found[] {
  const users = usersIn(tree);
  return [...tree]
    .filter(([file]) => file.startsWith("src/adapters/postgres/"))
    .flatMap(([file, source]) => {
      const { code, bare } = source;
      // Strings stand in `code`: the keys of a table of statements may be quoted.
      const named = (names: readonly string[]) =>
        names.flatMap((name) => membersNamed(code, name).map((span) => ({ name, span })));
      const unused = named(methods);
      const inMethods = unused.filter(({ span }) => sql.test(code.slice(...span)));
      const inTables = named(events).filter(({ span }) => sqlPart.test(code.slice(...span)));
      // Words of SQL are no names: they are looked for in the bare text.
      const text = without(
        bare,
        [...unused, ...inTables].map(({ span }) => span),
      );
      const definitions = definitionsOf(source);
      const roots = definitions
        .filter(({ name, isExported }) => isExported && users(file, name).some(isNoTest))
        .map(({ name }) => name);
      const seen = reached(text, definitions, roots);
      const found = (name: string, offset: number) => ({
        name: `statement ${name}`,
        breach: `${file}:${lineAt(bare, offset)}: no program sends the statement ${name}; delete it`,
      });
      return [
        ...definitions
          .filter(({ name, start, end }) => !seen.has(name) && sql.test(code.slice(start, end)))
          .map(({ name, start }) => found(name, start + 1)),
        ...[...inMethods, ...inTables].map(({ name, span: [start] }) => found(name, start + 1)),
      ];
    });
}
