// Runs after `npm ci` in a checkout, under the Node on the PATH. Where that one is too old, it brings a newer one for this
// checkout alone and links it where npm's scripts and npx look first. Plain JavaScript, because the old Node runs it.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { isNodeTooOld } from "../bin/node-floor.js";

const runtime = dirname(fileURLToPath(import.meta.url));
const link = join(runtime, "..", "node_modules", ".bin", "node");

/** The npm package that carries Node for this machine, or undefined where there is none. */
function packageOfThisMachine() {
  const { optionalDependencies } = readJson(join(runtime, "package.json"));
  const ending = `-${process.platform}-${process.arch}`;
  const name = Object.keys(optionalDependencies).find((one) => one.endsWith(ending));
  return name && { name, version: optionalDependencies[name] };
}

function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

function isInstalled({ name, version }) {
  try {
    return readJson(join(runtime, "node_modules", name, "package.json")).version === version;
  } catch {
    return false;
  }
}

/** By the npm that runs this script; `--include` undoes an `--omit=optional` meant for the checkout. */
function install() {
  const npm = process.env.npm_execpath;
  const [program, ...before] = npm === undefined ? ["npm"] : [process.execPath, npm];
  execFileSync(program, [...before, "ci", "--prefix", runtime, "--include=optional"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

function bring() {
  const wanted = packageOfThisMachine();
  if (wanted === undefined) throw new Error("npm carries none for this machine");
  if (!isInstalled(wanted)) install();
  const node = join(runtime, "node_modules", wanted.name, "bin", "node");
  const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(relative(dirname(link), node), link);
  console.error(
    `holdfast: Node ${process.version} is too old; npm's scripts and npx use ${version} here`,
  );
}

if (isNodeTooOld(process.versions.node)) {
  try {
    bring();
  } catch (error) {
    console.error(
      `holdfast: Node ${process.version} is too old and no newer one can be brought (${error.message}). Install Node 24, then type npm ci again`,
    );
    process.exitCode = 1;
  }
}
