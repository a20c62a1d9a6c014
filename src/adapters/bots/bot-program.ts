import { existsSync, readdirSync, realpathSync } from "node:fs";
import { delimiter, dirname, isAbsolute, join, relative, sep } from "node:path";
import { HoldfastError } from "../../errors.ts";
import { nodeFlags, packageFile, programFile } from "../../files.ts";
import { botNotFound } from "./load-bot.ts";

export interface BotProgramOptions {
  /** The bot's file, absolute. */
  readonly file: string;
  /** Nothing in there may be read, though it may lie in the bot's folder. */
  readonly home: string;
  /** Further folders that the bot may read. */
  readonly folders: readonly string[];
  /** All that it finds in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Of V8's heap. */
  readonly memoryMb: number;
}

/** What to start for a bot: Node, with permissions that leave it its own sources and nothing else. */
export interface BotProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A process of a bot may read its folder but for the home, its packages and Holdfast's own sources. It may write no
 * file, and start no process, no worker and no addon. It may use the network.
 * @throws HoldfastError BOT_NOT_FOUND, BOT_IN_HOME
 */
export function botProgram(options: BotProgramOptions): BotProgram {
  const { file, home, folders, env, memoryMb } = options;
  if (!existsSync(file)) throw botNotFound(file);
  const folder = dirname(realpathSync(file));
  if (folder === home) throw inHome(file);
  const readable = new Set([
    ...ownSources(),
    ...entriesBut(folder, home),
    ...folders.flatMap((one) => entriesBut(one, home)),
    ...[folder, dirname(file), dirname(packageFile("package.json"))].flatMap(packagesFor),
  ]);
  return {
    command: process.execPath,
    args: [
      ...nodeFlags,
      "--permission",
      ...[...readable].map((path) => `--allow-fs-read=${path}`),
      `--max-old-space-size=${memoryMb}`,
      "--disable-warning=SecurityWarning",
      "--disable-warning=ExperimentalWarning",
      programFile("src/main/bot"),
      file,
    ],
    cwd: folder,
    env,
  };
}

/** Of this package: what its programs load. A checkout may hold a home beside them. */
function ownSources(): readonly string[] {
  return ["src", "dist", "machines", "package.json"].map(packageFile);
}

/** Where Node looks for packages, from a folder up to the root. */
function packagesFor(folder: string): readonly string[] {
  const above = dirname(folder);
  const packages = join(folder, "node_modules");
  const here = [packages, join(folder, "package.json"), ...linkedIn(packages)];
  return above === folder ? here : [...here, ...packagesFor(above)];
}

/** Packages that are links, as `npm link` makes them: where they lie. */
function linkedIn(packages: string): readonly string[] {
  if (!existsSync(packages)) return [];
  return readdirSync(packages, { withFileTypes: true }).flatMap((entry) => {
    const path = join(packages, entry.name);
    if (entry.isDirectory() && entry.name.startsWith("@")) return linkedIn(path);
    return entry.isSymbolicLink() && existsSync(path) ? [realpathSync(path)] : [];
  });
}

/** The folder; where the home lies in it, all of its entries but the home. */
function entriesBut(folder: string, home: string): readonly string[] {
  if (!isWithin(home, folder)) return [folder];
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const entry = join(folder, name);
    if (entry === home) return [];
    return isWithin(home, entry) ? entriesBut(entry, home) : [entry];
  });
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

const inHome = (file: string): HoldfastError =>
  new HoldfastError({
    code: "BOT_IN_HOME",
    message: `The bot's file ${file} lies in the home itself, among keys that a bot must not read.`,
    next: "Move it into a folder of its own, or name another home in HOLDFAST_HOME.",
  });

const setpriv = (): string | undefined =>
  ["/usr/bin", "/bin", ...(process.env["PATH"] ?? "").split(delimiter)]
    .map((folder) => join(folder, "setpriv"))
    .find((path) => existsSync(path));

/** Has the kernel end a program with this process, where it can: one that hangs does not see its pipe closed. */
export function endingWithParent(program: BotProgram): BotProgram {
  const by = process.platform === "linux" ? setpriv() : undefined;
  if (by === undefined) return program;
  const args = ["--pdeathsig", "KILL", "--", program.command, ...program.args];
  return { ...program, command: by, args };
}
