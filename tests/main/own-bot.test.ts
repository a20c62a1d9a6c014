import { type ChildProcess, execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../src/adapters/postgres/database.ts";
import type { RunInfo } from "../../src/cli/run-info.ts";
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

/** The files that would be published, where `npm install` would put them. */
async function install(): Promise<string> {
  const { stdout } = await run("npm", ["pack", "--dry-run", "--json"], { cwd: repository });
  const [packed] = JSON.parse(stdout) as { readonly files: readonly { readonly path: string }[] }[];
  const modules = join(folder, "node_modules");
  const target = join(folder, "package");
  for (const { path } of packed!.files) {
    await mkdir(dirname(join(target, path)), { recursive: true });
    await cp(join(repository, path), join(target, path));
  }
  await symlink(join(repository, "node_modules"), join(target, "node_modules"));
  // A link, as of a checkout: Node strips no types in files under node_modules.
  await mkdir(modules);
  await symlink(target, join(modules, "holdfast"));
  return join(target, "bin", "holdfast.js");
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

describe("the tutorial's bot, outside the repository", () => {
  it("passes its own test", async () => {
    const { stdout } = await run(process.execPath, ["--test", "bot.test.ts"], {
      cwd: author,
    });
    expect(stdout).toMatch(/pass 3\b/);
  });

  it("answers, remembers, and repeats no outside call when it is killed in the middle of a turn (V12, V14, V16)", async () => {
    const { telegramControl, pids } = await runInfo();
    const person = await createPhoneUser(telegramControl!, "Olga", "site_bot");
    expect((await person.say("/start")).labels).toEqual(["Paris"]);
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
