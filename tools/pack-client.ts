import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The Telegram client comes along in the package (`bundleDependencies`), since its last release pins versions of its own
 * parts that not every registry has. npm compares those pins whenever it adds a package beside this one, so the copies
 * that are packed name the versions that come with them.
 *
 * `pack`: makes package.json and those copies so; `unpack`: as they were. `npm pack` runs both.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const kept = join(root, "node_modules", ".cache", "packed");
const bundled = ["@fuman/net", "@mtcute/convert", "@mtcute/core", "@mtcute/wasm"] as const;
const scopes = ["@fuman", "@mtcute"] as const;

interface PackageFile {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const read = (file: string): PackageFile => JSON.parse(readFileSync(file, "utf8")) as PackageFile;

/** In a new file: the old one may be linked from elsewhere. */
function write(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

const files = (): ReadonlyMap<string, string> =>
  new Map([
    ["package.json", join(root, "package.json")],
    ...scopes.flatMap((scope) =>
      readdirSync(join(root, "node_modules", scope)).map(
        (name) =>
          [`${scope}/${name}`, join(root, "node_modules", scope, name, "package.json")] as const,
      ),
    ),
  ]);

/** The package's text with the versions of those that come along. */
function withPins(file: string, pins: Readonly<Record<string, string>>): string {
  const packed = read(file);
  const dependencies = Object.fromEntries(
    Object.entries(packed.dependencies ?? {}).map(([name, asked]) => [name, pins[name] ?? asked]),
  );
  return `${JSON.stringify({ ...packed, dependencies }, null, 2)}\n`;
}

function pack(): void {
  const all = files();
  const pins = Object.fromEntries(
    [...all].slice(1).map(([name, file]) => [name, read(file).version] as const),
  );
  for (const [name, file] of all) {
    const copy = join(kept, encodeURIComponent(name));
    mkdirSync(kept, { recursive: true });
    writeFileSync(copy, readFileSync(file));
    if (name !== "package.json") write(file, withPins(file, pins));
  }
  const own = join(root, "package.json");
  write(own, `${JSON.stringify({ ...read(own), bundleDependencies: bundled }, null, 2)}\n`);
}

function unpack(): void {
  for (const [name, file] of files())
    write(file, readFileSync(join(kept, encodeURIComponent(name)), "utf8"));
  rmSync(kept, { recursive: true });
}

if (process.argv[2] === "pack") pack();
else if (process.argv[2] === "unpack") unpack();
else throw new Error("Say which: node tools/pack-client.ts pack|unpack");
