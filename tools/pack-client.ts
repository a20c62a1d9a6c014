import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The Telegram client comes along in the package (`bundleDependencies`), since its last release pins versions of its
 * own parts that not every registry has. npm compares those pins whenever it adds a package beside this one, so the
 * copies that are packed name the versions that come with them.
 *
 * `pack`: makes package.json and those copies so; `unpack`: as they were. `npm pack` runs both.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const kept = join(root, "node_modules", ".cache", "packed");
const bundled = ["@fuman/net", "@mtcute/convert", "@mtcute/core", "@mtcute/wasm"] as const;
const ofClient = /^@(?:fuman|mtcute)\//;

interface PackageFile {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const read = (file: string): PackageFile =>
  JSON.parse(readFileSync(join(root, file), "utf8")) as PackageFile;

/** In a new file: the old one may be linked from elsewhere. */
function write(file: string, text: string): void {
  writeFileSync(join(root, `${file}.new`), text);
  renameSync(join(root, `${file}.new`), join(root, file));
}

/** From the root: the client's packages, with those that lie inside one of them. */
const copies = (): readonly string[] =>
  globSync(
    [
      "node_modules/{@fuman,@mtcute}/*/package.json",
      "node_modules/{@fuman,@mtcute}/*/node_modules/{@fuman,@mtcute}/*/package.json",
    ],
    { cwd: root },
  );

/** The version of a package that Node finds from a folder. */
function versionFrom(folder: string, name: string): string {
  const own = join(folder, "node_modules", name, "package.json");
  if (existsSync(join(root, own))) return read(own).version;
  if (folder === ".") throw new Error(`${name} is not installed; type npm ci`);
  return versionFrom(dirname(folder), name);
}

function withPins(file: string): string {
  const packed = read(file);
  const dependencies = Object.fromEntries(
    Object.entries(packed.dependencies ?? {}).map(([name, asked]) => [
      name,
      ofClient.test(name) ? versionFrom(dirname(file), name) : asked,
    ]),
  );
  return `${JSON.stringify({ ...packed, dependencies }, null, 2)}\n`;
}

const keptName = (file: string): string => join(kept, encodeURIComponent(file));

function pack(): void {
  mkdirSync(kept, { recursive: true });
  const files = ["package.json", ...copies()];
  for (const file of files) writeFileSync(keptName(file), readFileSync(join(root, file)));
  for (const file of copies()) write(file, withPins(file));
  const own = { ...read("package.json"), bundleDependencies: bundled };
  write("package.json", `${JSON.stringify(own, null, 2)}\n`);
}

function unpack(): void {
  for (const file of ["package.json", ...copies()])
    write(file, readFileSync(keptName(file), "utf8"));
  rmSync(kept, { recursive: true });
}

if (process.argv[2] === "pack") pack();
else if (process.argv[2] === "unpack") unpack();
else throw new Error("Say which: node tools/pack-client.ts pack|unpack");
