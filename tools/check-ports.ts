import { usersIn } from "./module-names.ts";
import type { Found } from "./pending.ts";
import { closing, lineAt, type SourceText } from "./source-text.ts";
import { isProduct, isProof, type SourceTree } from "./source-tree.ts";

/** A method, or a property that is read, of an interface exported by a port. */
interface Member {
  readonly port: string;
  readonly name: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** Blanks the parts of a text between braces, brackets and parentheses: its own level is left. */
function ownLevel(bare: string, open: number): string {
  const end = closing(bare, open) - 1;
  let text = "";
  for (let at = open + 1; at < end; at += 1) {
    if ("([{".includes(bare[at] ?? " ")) {
      const next = closing(bare, at);
      text += bare[at] + bare.slice(at + 1, next).replaceAll(/[^\n]/g, " ");
      at = next - 1;
    } else text += bare[at];
  }
  return text;
}

/**
 * Methods of an interface are `name(…)`, `name<T>(…)` or `readonly name: (…) => …`; a getter of a
 * store is a `readonly` member beside methods. Interfaces without a method are records and are
 * skipped.
 */
function membersOf(file: string, { bare }: SourceText): readonly Member[] {
  return [...bare.matchAll(/^export interface (?<port>\w+)[^{;]*\{/gm)].flatMap((found) => {
    const open = found.index + found[0].length - 1;
    const level = ownLevel(bare, open);
    const methods = [...level.matchAll(/^\s*(?<name>\w+)\??\s*(?:<[^>]*>)?\s*\(/gm)];
    if (methods.length === 0) return [];
    const properties = [...level.matchAll(/^\s*readonly (?<name>\w+)\??:/gm)];
    return [...methods, ...properties].map(({ groups, index, 0: text }) => ({
      port: found.groups?.["port"] ?? "",
      name: groups?.["name"] ?? "",
      file,
      line: lineAt(bare, open + 1 + index + text.length),
    }));
  });
}

const isPort = (file: string): boolean => file.startsWith("src/ports/");
const isAdapter = (file: string): boolean => file.startsWith("src/adapters/");

/** Names that a file reads from something: `.name`, `["name"]`, `{ name } = …` and in a parameter's braces. */
function namesRead({ bare }: SourceText): ReadonlySet<string> {
  const taken = [...bare.matchAll(/\.\s*(\w+)/g)].map(([, name]) => name ?? "");
  const braces = [
    ...bare.matchAll(/\{([\w\s,:]*)\}(?=\s*(?:=[^>=]|:\s|\)\s*(?:=>|:)|\s+of\s|,))/g),
  ];
  const destructured = braces.flatMap(([, list = ""]) =>
    list.split(",").map((part) => part.trim().split(/\s*[:=]/)[0] ?? ""),
  );
  return new Set([...taken, ...destructured]);
}

/** Names that a file gives as members of an object: `name(…) {`, `name: …`, `get name()`. */
const defines = ({ bare }: SourceText, name: string): boolean =>
  new RegExp(`(?:^|[{,])\\s*(?:(?:async|get)\\s+)?\\*?${name}\\s*(?:<[^>]*>)?\\s*[(:]`, "m").test(
    bare,
  );

/**
 * Methods of ports that no program calls. An adapter that implements the method does not count as
 * its caller, nor does the simulation, the ports' other half. A namesake of another port hides a
 * method: the check does not see types.
 */
export function checkPorts(tree: SourceTree): readonly Found[] {
  const callers = [...tree]
    .filter(([file]) => (isProduct(file) || isProof(file)) && !isPort(file))
    .filter(([file]) => !/\/simulation\//.test(file))
    .map(([file, source]) => ({ file, source, read: namesRead(source) }));
  const users = usersIn(tree);
  const isSurface = (file: string, port: string) => users(file, port).includes("src/bot.ts");
  const isCalled = (name: string): boolean =>
    callers.some(
      ({ file, source, read }) => read.has(name) && !(isAdapter(file) && defines(source, name)),
    );
  return [...tree]
    .filter(([file]) => isPort(file))
    .flatMap(([file, source]) => membersOf(file, source))
    .filter(({ file, port, name }) => !isSurface(file, port) && !isCalled(name))
    .map(({ port, name, file, line }) => ({
      name: `${port}.${name}`,
      breach: `${file}:${line}: no program calls ${port}.${name}; delete it, and let tests read the store's rows or count its statements`,
    }));
}
