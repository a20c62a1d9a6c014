import { readFileSync } from "node:fs";
import { registerHooks, stripTypeScriptTypes } from "node:module";
import { fileURLToPath } from "node:url";

/**
 * Node tells no place for a syntax error in JavaScript; its reader of TypeScript does. Call this before the bot is
 * loaded: the file that was loaded last is the one that could not be read.
 * @returns gives a syntax error the place that it lacks
 */
export function watchSyntax(): (error: unknown) => void {
  let newest = "";
  registerHooks({
    load(url, context, next) {
      newest = url;
      return next(url, context);
    },
  });
  return (error) => {
    const met = error instanceof Error && error.cause instanceof SyntaxError ? error.cause : null;
    if (met === null || !newest.startsWith("file:") || hasPlace(met)) return;
    const file = fileURLToPath(newest);
    try {
      stripTypeScriptTypes(readFileSync(file, "utf8"), { sourceUrl: file });
    } catch (placed) {
      const line = placed instanceof Error ? /:(\d+)\n/.exec(`${placed.stack}\n`)?.[1] : undefined;
      met.stack = `${file}:${line ?? 1}\n${met.stack}`;
    }
  };
}

const hasPlace = ({ stack = "" }: Error): boolean => /^(?:file:\/\/)?\/[^\n]*:\d+\n/.test(stack);
