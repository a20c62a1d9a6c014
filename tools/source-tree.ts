import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { readSource, type SourceText } from "./source-text.ts";

/** The TypeScript and JavaScript files that the checks of structure look at, by their path from the root. */
export type SourceTree = ReadonlyMap<string, SourceText>;

const isSource = (file: string): boolean =>
  /^(?:bin|machines|src|tests|tools)\/.*\.(?:ts|js|mjs)$/.test(file) ||
  /^[^/]+\.config\.ts$/.test(file);

/** A tree of given texts, by path. */
export const treeOf = (texts: Readonly<Record<string, string>>): SourceTree =>
  new Map(Object.entries(texts).map(([file, text]) => [file, readSource(text)]));

/** Reads the sources among `files`, which are paths from `root`. */
export const readTree = (root: string, files: readonly string[]): SourceTree =>
  treeOf(
    Object.fromEntries(
      files.filter(isSource).map((file) => [file, readFileSync(join(root, file), "utf8")]),
    ),
  );

/** The file that a relative specifier names, seen from `file`. */
export const targetOf = (file: string, specifier: string): string =>
  posix.normalize(posix.join(posix.dirname(file), specifier));

/**
 * Programs that put faults and load on the product. Their own imports do not count as the
 * product's.
 */
const proofs = /^src\/(?:proof|simulation|chaos|bench|main\/(?:simulate|chaos|bench)\.ts)(?:\/|$)/;

/** Files that are no test: the product, its proofs, the tools. */
export const isNoTest = (file: string): boolean => !/^(?:tests\/|[^/]+\.config\.ts$)/.test(file);

/** Files of the simulation, of chaos and of the benches. */
export const isProof = (file: string): boolean => proofs.test(file);

/** Files of the product itself: no test, no proof, no tool, not the simulated Telegram. */
export const isProduct = (file: string): boolean =>
  /^(?:bin|src)\//.test(file) && !file.startsWith("src/telegram-dc/") && !proofs.test(file);
