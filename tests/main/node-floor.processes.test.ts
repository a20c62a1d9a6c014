import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const packageOfThisMachine = `node-${process.platform}-${process.arch}`;

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program under this Node, which says that it is another. */
function runAs(
  version: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  const pretence = `
    Object.defineProperty(process, "version", { value: "v${version}" });
    Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } });`;
  const loaded = `data:text/javascript,${encodeURIComponent(pretence)}`;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["--import", loaded, ...args],
      options,
      (_error, stdout, stderr) => resolve({ exitCode: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

/** A checkout with nothing but what brings Node, and an npm that installs what `written` says. */
async function checkout(written: string) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "holdfast-runtime-")));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, "runtime"));
  for (const file of ["package.json", "bin/node-floor.js", "runtime/bring.js"])
    await cp(join(repository, file), join(folder, file));
  await writeFile(
    join(folder, "runtime", "package.json"),
    JSON.stringify({ type: "module", optionalDependencies: { [packageOfThisMachine]: "24.1.2" } }),
  );
  const npm = join(folder, "npm.mjs");
  await writeFile(npm, written);
  const bring = (version: string) =>
    runAs(version, [join(folder, "runtime", "bring.js")], {
      env: { ...process.env, npm_execpath: npm },
    });
  return { folder, bring, linked: join(folder, "node_modules", ".bin", "node") };
}

/** Puts down the package with this very Node in it, and notes each call. */
const installing = `
  import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
  appendFileSync(import.meta.dirname + "/calls", process.argv.slice(2).join(" ") + "\\n");
  const installed = import.meta.dirname + "/runtime/node_modules/${packageOfThisMachine}";
  mkdirSync(installed + "/bin", { recursive: true });
  writeFileSync(installed + "/package.json", '{"version":"24.1.2"}');
  symlinkSync(process.execPath, installed + "/bin/node");`;

it.each(["bin/holdfast.js", "bin/telegram-dc.js"])(
  "%s says in one line what to type under a Node that is too old",
  async (program) => {
    const { exitCode, stdout, stderr } = await runAs("22.17.1", [program, "--help"], {
      cwd: repository,
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(
      /^\S+ needs Node 22\.18 or newer and this is v22\.17\.1\. .*npm ci.*\n$/,
    );
  },
);

it.each(["22.18.0", "24.0.0"])("runs under Node %s", async (version) => {
  const { exitCode, stdout } = await runAs(version, ["bin/holdfast.js", "--help"], {
    cwd: repository,
  });
  expect(exitCode).toBe(0);
  expect(stdout).toContain("Usage: holdfast");
});

it("asks npm for the floor that the programs keep", async () => {
  const { engines } = JSON.parse(await readFile(join(repository, "package.json"), "utf8")) as {
    readonly engines: { readonly node: string };
  };
  const floor = engines.node.replace(">=", "");
  const [major, minor] = floor.split(".").map(Number);
  const below = `${major}.${minor! - 1}.0`;
  const help = (version: string) =>
    runAs(version, ["bin/holdfast.js", "--help"], { cwd: repository });
  expect([(await help(floor)).exitCode, (await help(below)).exitCode]).toEqual([0, 1]);
});

it("brings a newer Node into a checkout under an old one, and installs it once", async () => {
  const { folder, bring, linked } = await checkout(installing);
  const first = await bring("20.20.2");
  expect(first).toMatchObject({ exitCode: 0, stdout: "" });
  expect(await realpath(linked)).toBe(await realpath(process.execPath));
  await rm(join(folder, "node_modules"), { recursive: true });
  expect(await bring("20.20.2")).toMatchObject({ exitCode: 0 });
  expect(await realpath(linked)).toBe(await realpath(process.execPath));
  expect(await readFile(join(folder, "calls"), "utf8")).toBe(
    `ci --prefix ${join(folder, "runtime")} --include=optional\n`,
  );
});

it("brings nothing where the Node is new enough", async () => {
  const { bring, linked } = await checkout(installing);
  expect(await bring("22.18.0")).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  await expect(realpath(linked)).rejects.toThrow("ENOENT");
});

it("fails the installation with what to do when npm cannot bring one", async () => {
  const { bring } = await checkout("process.exit(3);");
  const { exitCode, stderr } = await bring("20.20.2");
  expect(exitCode).toBe(1);
  expect(stderr).toContain("Install Node 24, then type npm ci again");
});
