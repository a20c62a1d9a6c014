import { fileURLToPath } from "node:url";

/** A checkout runs the TypeScript sources, a package the JavaScript that was compiled from them into `dist`. */
const isCompiled = !import.meta.url.endsWith(".ts");

/**
 * The path of a file that lies beside package.json, in a checkout and in a package: `migrations`, `bin/holdfast.js`.
 */
export function packageFile(name: string): string {
  return fileURLToPath(new URL(`${isCompiled ? "../.." : ".."}/${name}`, import.meta.url));
}

const disableInspector = "--disable-sigusr1";

/** For every Node that this program starts: no signal opens the inspector, where this Node can be told so. */
export const nodeFlags: readonly string[] = process.allowedNodeEnvironmentFlags.has(
  disableInspector,
)
  ? [disableInspector]
  : [];

/**
 * For the Node that runs turns. What a turn makes lives for as long as its commit. With V8's own 16 MB of young memory,
 * it was copied several times meanwhile: an eighth of the node's time under full load. It grows to that size when it is
 * needed; an idle node gives it back.
 */
export const turnFlags: readonly string[] = ["--max-semi-space-size=64"];

/**
 * The path of a program's module, for `process.execPath`.
 * @param name from the root, without an ending: `src/main/gate`.
 */
export function programFile(name: string): string {
  return fileURLToPath(new URL(`../${name}.${isCompiled ? "js" : "ts"}`, import.meta.url));
}
