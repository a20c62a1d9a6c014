import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { packageFile } from "../files.ts";

/** A package's wish in npm's terms: a range, an address, or `file:` and a path. */
type Wish = string;

interface PackageFile {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, Wish>>;
  readonly devDependencies?: Readonly<Record<string, Wish>>;
}

async function read<Content>(file: string): Promise<Content | null> {
  if (!existsSync(file)) return null;
  return JSON.parse(await readFile(file, "utf8")) as Content;
}

/** The same place, seen from another folder. */
function seenFrom(folder: string, wish: Wish, from: string): Wish {
  if (!wish.startsWith("file:")) return wish;
  return `file:${relative(folder, resolve(from, wish.slice("file:".length)))}`;
}

/** The source from which npm installed this package, as its folder says; null for a checkout. */
async function installedAs(root: string): Promise<{ wish: Wish; from: string } | null> {
  const modules = dirname(root);
  if (basename(modules) !== "node_modules") return null;
  const from = dirname(modules);
  const project = await read<PackageFile>(join(from, "package.json"));
  const asked = project?.dependencies?.["holdfast"] ?? project?.devDependencies?.["holdfast"];
  if (asked !== undefined) return { wish: asked, from };
  const lock = await read<{
    readonly packages?: Readonly<Record<string, { readonly resolved?: string }>>;
  }>(join(modules, ".package-lock.json"));
  const resolved = lock?.packages?.["node_modules/holdfast"]?.resolved;
  if (resolved?.startsWith("file:") === true) return { wish: resolved, from };
  const own = await read<PackageFile>(join(root, "package.json"));
  return { wish: `^${own?.version ?? "0"}`, from };
}

/** A Node that npm carried is wanted by the bot too: the one on the PATH is older. */
function carriedNode(): Readonly<Record<string, Wish>> {
  const [, name] = /node_modules\/(node-[\w-]+)\/bin\/node$/.exec(process.execPath) ?? [];
  return name === undefined ? {} : { [name]: process.versions.node };
}

/**
 * The dependencies of a bot in that folder, chosen so that they resolve to the running code: a
 * registry's version, a tarball or this checkout. The state machines are of the version that runs here.
 */
export async function botDependencies(folder: string): Promise<Readonly<Record<string, Wish>>> {
  const root = dirname(packageFile("package.json"));
  const installed = await installedAs(root);
  const holdfast =
    installed === null
      ? seenFrom(folder, `file:${root}`, root)
      : seenFrom(folder, installed.wish, installed.from);
  const own = await read<PackageFile>(join(root, "package.json"));
  return { holdfast, xstate: own?.dependencies?.["xstate"] ?? "^5", ...carriedNode() };
}
