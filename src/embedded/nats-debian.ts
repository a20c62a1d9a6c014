import { execFile } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Log } from "./process-records.ts";

const run = promisify(execFile);
const stepMsMax = 120_000;

/** A package archive that the machine already trusts. */
interface Mirror {
  readonly uri: string;
  readonly signedBy: string | null;
}

const archiveUri = /^https?:\/\/\S+\/(?:debian|ubuntu)\/?$/;

/**
 * The archives in a deb822 file or a file of `deb` lines. Leaves out archives of security updates,
 * which do not help here.
 */
export function mirrorsIn(text: string): readonly Mirror[] {
  const mirrors: Mirror[] = [];
  for (const stanza of text.split(/\n\s*\n/)) {
    const field = (name: string) =>
      new RegExp(`^${name}:\\s*(.+)$`, "mi").exec(stanza)?.[1]?.trim();
    for (const uri of (field("URIs") ?? "").split(/\s+/))
      if (archiveUri.test(uri)) mirrors.push({ uri, signedBy: field("Signed-By") ?? null });
  }
  for (const [, options, uri] of text.matchAll(/^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)/gm))
    if (uri !== undefined && archiveUri.test(uri))
      mirrors.push({ uri, signedBy: /signed-by=(\S+)/.exec(options ?? "")?.[1] ?? null });
  return mirrors;
}

function hostMirrors(): readonly Mirror[] {
  const folder = "/etc/apt/sources.list.d";
  const files = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  return ["/etc/apt/sources.list", ...files]
    .filter((file) => existsSync(file))
    .flatMap((file) => mirrorsIn(readFileSync(file, "utf8")));
}

/** Newest first: the program is static enough for older releases, and newer servers are safer. */
function suitesOf({ uri }: Mirror): readonly string[] {
  return uri.includes("ubuntu") ? ["devel"] : ["testing", "stable"];
}

function aptOptions(workFolder: string, sources: readonly string[]): readonly string[] {
  const set = {
    "Dir::State::lists": join(workFolder, "lists"),
    "Dir::Cache": join(workFolder, "cache"),
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
    "Acquire::Retries": "2",
    "Acquire::http::Timeout": "20",
    "Debug::NoLocking": "1",
  };
  return [...Object.entries(set).map(([name, value]) => `${name}=${value}`), ...sources].flatMap(
    (option) => ["-o", option],
  );
}

async function downloadFrom(
  workFolder: string,
  sources: readonly string[],
  path: string,
): Promise<string> {
  for (const dir of ["lists/partial", "cache/archives/partial", "unpacked"])
    mkdirSync(join(workFolder, dir), { recursive: true });
  const options = { cwd: workFolder, timeout: stepMsMax, env: { PATH: path, LC_ALL: "C" } };
  const apt = aptOptions(workFolder, sources);
  await run("apt-get", [...apt, "-qq", "update"], options);
  await run("apt-get", [...apt, "-qq", "download", "nats-server"], options);
  const archive = readdirSync(workFolder).find((name) => name.endsWith(".deb"));
  if (archive === undefined) throw new Error("apt-get downloaded no package nats-server");
  await run("dpkg", ["-x", archive, "unpacked"], options);
  const folders = ["usr/sbin", "usr/bin"].map((dir) => join(workFolder, "unpacked", dir));
  const found = folders.map((dir) => join(dir, "nats-server")).find((file) => existsSync(file));
  if (found === undefined) throw new Error("the package nats-server holds no program of that name");
  await run(found, ["--version"], options);
  return found;
}

function sourcesFile(workFolder: string, mirror: Mirror, suite: string): readonly string[] {
  const options = mirror.signedBy === null ? "" : `[signed-by=${mirror.signedBy}] `;
  const components = mirror.uri.includes("ubuntu") ? "universe" : "main";
  const file = join(workFolder, "sources.list");
  writeFileSync(file, `deb ${options}${mirror.uri} ${suite} ${components}\n`);
  return [`Dir::Etc::sourcelist=${file}`, "Dir::Etc::sourceparts=/dev/null"];
}

const firstLine = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n").find((line) => line.startsWith("E: ")) ?? text.split("\n")[0] ?? text;
};

/**
 * Obtains nats-server on Debian and its kin, without root. Uses the host's own mirror with a
 * private package list: first newer suites (Debian 12 itself has 2.9.10), then the host's own.
 * Nothing is installed. Returns the file, moved into `into` whole or not at all. Throws an Error
 * with the reason.
 */
export async function downloadNatsFromDebian({
  into,
  path,
  log,
}: {
  readonly into: string;
  readonly path: string;
  readonly log: Log;
}): Promise<string> {
  try {
    await run("dpkg", ["--version"], { env: { PATH: path } });
  } catch {
    throw new Error("this machine has no apt-get and dpkg to obtain it with");
  }
  log("obtaining nats-server from the machine's own package mirror (once)");
  const attempts: ((workFolder: string) => readonly string[])[] = hostMirrors()
    .slice(0, 2)
    .flatMap((mirror) =>
      suitesOf(mirror).map((suite) => (dir: string) => sourcesFile(dir, mirror, suite)),
    );
  attempts.push(() => []);
  let reason = "";
  for (const sources of attempts) {
    const workFolder = mkdtempSync(join(tmpdir(), "holdfast-nats-"));
    try {
      const found = await downloadFrom(workFolder, sources(workFolder), path);
      mkdirSync(into, { recursive: true });
      const file = join(into, "nats-server");
      const draft = `${file}.${process.pid}.tmp`;
      copyFileSync(found, draft);
      chmodSync(draft, 0o755);
      renameSync(draft, file);
      return file;
    } catch (error) {
      reason = firstLine(error);
    } finally {
      rmSync(workFolder, { recursive: true, force: true });
    }
  }
  throw new Error(reason);
}
