import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import {
  cp,
  glob,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { controlOf } from "../../src/embedded/control-api.ts";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import type { RunInfo } from "../../src/embedded/run-info.ts";
import { createPhoneUser } from "../../src/demo/phone-user.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

let folder: string;
/** Where a bot author would be: outside the repository, with the package installed. */
let author: string;
let bin: string;
let weather: Server;
let weatherCalls: { readonly town: string | null; readonly key: string | undefined }[];
let service: ChildProcess;
let database: Database;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "holdfast-own-bot-"));
  bin = await install();
  await run(process.execPath, [bin, "init", "my-bot"], { cwd: folder });
  author = join(folder, "my-bot");
  weatherCalls = [];
  weather = createServer(({ url = "/", headers }, response) => {
    const town = new URL(url, "http://weather").searchParams.get("town");
    weatherCalls.push({ town, key: headers["idempotency-key"]?.toString() });
    response.end(JSON.stringify({ town, celsius: 21 }));
  });
  await new Promise<void>((resolve) => weather.listen(0, "127.0.0.1", resolve));
  service = await start();
  database = openDatabase((await runInfo()).database);
}, 180_000);

afterAll(async () => {
  await database?.close();
  if (service?.exitCode === null) {
    const ended = new Promise((resolve) => service.once("exit", resolve));
    service.kill("SIGINT");
    await ended;
  }
  weather?.close();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** The files that the image's build sees: the package is packed from no more than these. */
async function buildContext(): Promise<string> {
  const context = join(folder, "context");
  const allowed = await readFile(join(repository, "docker/Dockerfile.dockerignore"), "utf8");
  for (const [, pattern] of allowed.matchAll(/^!(.+)$/gm))
    for await (const name of glob(pattern!, { cwd: repository })) {
      await mkdir(dirname(join(context, name)), { recursive: true });
      await cp(join(repository, name), join(context, name), { recursive: true });
    }
  // Real files, as npm packs what comes along in the package; hard links where the disk is the same.
  const [from, to] = [join(repository, "node_modules"), join(context, "node_modules")];
  await run("cp", ["-al", from, to]).catch(() => cp(from, to, { recursive: true }));
  return context;
}

/**
 * The packed tarball, unpacked where `npm install` puts it, with links to what it depends on and to nothing else: an
 * import of a development tool would fail.
 */
async function install(): Promise<string> {
  await run("npm", ["pack", "--silent", "--pack-destination", folder], {
    cwd: await buildContext(),
  });
  const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz"))!;
  const asked = { dependencies: { holdfast: `file:${tarball}` } };
  await writeFile(join(folder, "package.json"), JSON.stringify(asked));
  const modules = join(folder, "node_modules");
  const target = join(modules, "holdfast");
  await mkdir(target, { recursive: true });
  await run("tar", ["-xzf", join(folder, tarball), "-C", target, "--strip-components=1"]);
  const { dependencies, optionalDependencies } = JSON.parse(
    await readFile(join(target, "package.json"), "utf8"),
  ) as Readonly<Record<string, Readonly<Record<string, string>>>>;
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const installed = join(repository, "node_modules", name);
    if (!existsSync(installed)) continue;
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(installed, join(modules, name));
  }
  return join(target, "bin", "holdfast.js");
}

/** With the compiler and the types of Node that `npm install` would bring. */
async function compile(made: string): Promise<void> {
  const types = join(made, "node_modules", "@types");
  await mkdir(types, { recursive: true });
  await symlink(join(repository, "node_modules", "@types", "node"), join(types, "node"));
  const tsc = join(repository, "node_modules", ".bin", "tsc");
  await run(tsc, ["--noEmit"], { cwd: made }).catch(({ stdout }: { readonly stdout: string }) =>
    Promise.reject(new Error(stdout)),
  );
}

const runInfo = async () =>
  JSON.parse(await readFile(join(author, ".holdfast", "run.json"), "utf8")) as RunInfo;

/** Resolves with the service when it serves. */
function start(): Promise<ChildProcess> {
  const { port } = weather.address() as { readonly port: number };
  const child = spawn(process.execPath, [bin, "start"], {
    cwd: author,
    env: {
      ...process.env,
      HOLDFAST_BOT: "bot.ts",
      HOLDFAST_BOT_ENV: "WEATHER_URL",
      WEATHER_URL: `http://127.0.0.1:${port}/`,
      HOLDFAST_LOG_LEVEL: "warn",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return new Promise((resolve, reject) => {
    let said = "";
    const hear = (chunk: unknown) => {
      said += String(chunk);
      if (said.includes("holdfast ready")) resolve(child);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", () => reject(new Error(`the service ended: ${said}`)));
  });
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** The command lines of the programs that serve, from their pids in run.json. */
async function commandLines(): Promise<readonly string[]> {
  const { pids } = await runInfo();
  const ours = ["launcher", "sentinel", "telegram-dc", "gate", "node"];
  return Promise.all(
    ours.map(async (name) =>
      (await readFile(`/proc/${pids[name]}/cmdline`, "utf8")).split("\0").join(" "),
    ),
  );
}

const asked = (...args: readonly string[]) =>
  run(process.execPath, [bin, ...args], { cwd: author }).then(
    ({ stdout }) => ({ code: 0, said: stdout }),
    ({ code, stderr }: { readonly code: number; readonly stderr: string }) => ({
      code,
      said: stderr,
    }),
  );

describe("the package, installed outside the repository", () => {
  it("carries compiled JavaScript with types and source maps, and nothing that only tests use", async () => {
    const packed = join(folder, "node_modules", "holdfast");
    const files = await readdir(packed, { recursive: true });
    for (const file of ["dist/src/bot.js", "dist/src/bot.d.ts", "dist/src/bot.js.map"])
      expect(files).toContain(file);
    expect(files.filter((file) => /(?<!\.d)\.ts$/.test(file) && !file.startsWith("docs/"))).toEqual(
      [],
    );
    expect(files.filter((file) => /\b(tests|simulation|chaos|bench|tools)\//.test(file))).toEqual(
      [],
    );
  });

  it.runIf(process.platform === "linux")("serves with no loader in any process", async () => {
    const lines = await commandLines();
    expect(lines).toHaveLength(5);
    for (const line of lines) {
      expect(line).toContain(join(folder, "node_modules", "holdfast"));
      expect(line).not.toMatch(/--import|--loader|--require|tsx|strip-types|\.ts\b/);
    }
  });

  it("writes a new bot whose dependency resolves from where it was made", async () => {
    const { dependencies } = JSON.parse(await readFile(join(author, "package.json"), "utf8")) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    const path = dependencies["holdfast"]!.replace(/^file:/, "");
    expect(existsSync(join(author, path))).toBe(true);
    expect(path).toMatch(/\.tgz$/);
  });

  it("refuses a driver whose library is not installed, and says how to get it", async () => {
    const { code, said } = await asked("driver", "site-bot", "telegram");
    expect(code).toBe(1);
    expect(said).toMatch(/needs the package telegram.*npm install telegram@2\.26\.22/s);
    expect((await asked("status", "site-bot", "--json")).said).toContain('"driver":"mtcute"');
  });
});

describe("the tutorial's bot, outside the repository", () => {
  it("passes its own test", async () => {
    const { stdout } = await run("npm", ["test"], { cwd: author });
    expect(stdout).toMatch(/pass 4\b/);
  }, 120_000);

  it("compiles as npm run check has it, and Git leaves its data out", async () => {
    await compile(author);
    expect((await readFile(join(author, ".gitignore"), "utf8")).split("\n")).toEqual(
      expect.arrayContaining([".holdfast/", "node_modules/", ".env"]),
    );
  }, 120_000);

  it("compiles and passes its test from a checkout too", async () => {
    const beside = join(folder, "beside");
    await mkdir(join(beside, "node_modules"), { recursive: true });
    const checkout = join(folder, "context");
    await run(process.execPath, [join(checkout, "bin", "holdfast.js"), "init", "its-bot"], {
      cwd: beside,
    });
    const made = join(beside, "its-bot");
    const { dependencies } = JSON.parse(await readFile(join(made, "package.json"), "utf8")) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    expect(join(made, dependencies["holdfast"]!.replace(/^file:/, ""))).toBe(checkout);
    await symlink(checkout, join(beside, "node_modules", "holdfast"));
    await symlink(
      join(repository, "node_modules", "xstate"),
      join(beside, "node_modules", "xstate"),
    );
    await compile(made);
    const { stdout } = await run("npm", ["test"], { cwd: made });
    expect(stdout).toMatch(/pass 4\b/);
  }, 120_000);

  it("answers, remembers, and repeats no outside call when it is killed in the middle of a turn (V12, V14, V16)", async () => {
    const info = await runInfo();
    const { pids } = info;
    const person = await createPhoneUser(controlOf(info)!, "Olga", "site_bot");
    expect((await person.say("/start")).labels).toEqual(["Paris", "Plan a visit"]);
    expect((await person.press("Paris")).text).toBe("Paris: 21 °C.");

    // The commit waits for its session's row, which is held here: the turn stands in the middle.
    weatherCalls = [];
    let answer: Promise<{ readonly text: string }> | undefined;
    await database.transaction(async (held) => {
      await held.query(
        `select from conversation_sessions where chat_user = $1 and status = 'active' for update`,
        [person.id],
      );
      answer = person.say("Champigny");
      const steps = () =>
        database.query("select from turn_steps where result->>'town' = 'Champigny'");
      await expect.poll(async () => (await steps()).length, { timeout: 20_000 }).toBe(1);
      const node = pids["node"]!;
      process.kill(node, "SIGKILL");
      await expect.poll(() => isAlive(node)).toBe(false);
    });
    expect((await answer!).text).toBe("Champigny: 21 °C.");
    expect(weatherCalls).toEqual([
      { town: "Champigny", key: expect.stringMatching(/^telegram:site-bot:m:\d+$/) },
    ]);
    expect((await person.press("Again")).text).toBe("Champigny: 21 °C.");
    const photo = Buffer.alloc(300_000, "a picture");
    expect((await person.sendPhoto(photo, "")).text).toBe(
      "Thank you for the photo of 300000 bytes.",
    );
  }, 120_000);
});
