import { functionsIn } from "./function-lengths.ts";
import { beyond, type Found } from "./pending.ts";
import { longFunctions } from "./ratchets.ts";
import { isProof, type SourceTree } from "./source-tree.ts";

/** Functions up to this many lines need no reason. */
export const linesMax = 120;
/** The houses of the repository; each has its own list of long functions. */
export type House = "product" | "proof" | "telegram-dc" | "tools";

export function houseOf(file: string): House {
  if (file.startsWith("src/telegram-dc/")) return "telegram-dc";
  if (isProof(file)) return "proof";
  if (/^(?:src|machines|bin)\//.test(file)) return "product";
  return "tools";
}

/**
 * Functions over 120 lines, by house and name; specs are exempt. `ratchets.ts` lists the known
 * ones. That list may only get shorter: a function that is no longer long must leave it.
 */
export function checkLengths(
  tree: SourceTree,
  known: Readonly<Record<House, readonly string[]>> = longFunctions,
): readonly string[] {
  const found: readonly Found[] = functionsIn(tree)
    .filter(({ file, lines }) => lines > linesMax && !file.startsWith("tests/"))
    .map(({ file, name, line, lines }) => ({
      name: `${houseOf(file)}: ${name}`,
      breach: `${file}:${line}: ${name} has ${lines} lines; split it by what it does, or give what it shares an object of its own`,
    }));
  const names = Object.entries(known).flatMap(([house, list]) =>
    list.map((name) => `${house}: ${name}`),
  );
  return beyond(found, names, "tools/ratchets.ts");
}
