import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { commandFiles } from "../../src/cli/command-files.ts";
import { createProgram, programFor } from "../../src/cli/program.ts";
import { packageFile } from "../../src/files.ts";
import { main } from "../../src/main/cli.ts";

const files = Object.values(commandFiles).flat();
const program = await createProgram(() => {});

const commandsUnder = (command: Command, path: string): readonly [string, Command][] =>
  command.commands.flatMap((one): readonly [string, Command][] =>
    one.commands.length === 0
      ? [[`${path}${one.name()}`, one]]
      : commandsUnder(one, `${path}${one.name()} `),
  );
const leaves = commandsUnder(program, "").filter(([path]) => path !== "complete");

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (more) => (text += more) });
  command.outputHelp();
  return text;
}

/** What an import of this file loads at once: packages by name, own files by path. */
function loadedBy(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(file, "utf8");
  for (const [, names = "", from = ""] of text.matchAll(
    /^(?:import|export)\s+(?!type\b)([^;]*?)\s*from\s+"([^"]+)"/gm,
  )) {
    if (/^\{(?:\s*type [^,}]+,?)+\s*\}$/.test(names) || from.startsWith("node:")) continue;
    if (from.startsWith(".")) loadedBy(join(dirname(file), from), seen);
    else seen.add(from);
  }
  return seen;
}

/** Runs a command line; what it prints to either output. */
async function typed(...args: readonly string[]) {
  let said = "";
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, "write").mockImplementation((text) => {
      said += String(text);
      return true;
    }),
  );
  try {
    return { code: await main(args), said };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe("a file of commands", () => {
  it.each(files.map((file) => [file.names.join(", "), file] as const))(
    "has the commands by which it is found: %s",
    async (_names, { names, load }) => {
      const alone = new Command();
      (await load())(alone, () => {});
      const found = alone.commands.flatMap((command) => [command.name(), ...command.aliases()]);
      expect(found.toSorted()).toEqual(names.toSorted());
    },
  );
});

describe("the list of commands", () => {
  it("loads one package and a handful of files, so that it comes about as fast as Node starts", () => {
    const loaded = [...loadedBy(packageFile("src/main/cli.ts"))];
    expect(loaded.filter((one) => !one.startsWith("/"))).toEqual(["commander"]);
    expect(loaded.length).toBeLessThan(12);
  });

  it("shows every command as the whole program does", async () => {
    const short = await programFor(["--help"], () => {});
    const lines = (of: Command) =>
      helpOf(of)
        .split("\n")
        .filter((line) => line.startsWith("  "));
    expect(lines(short)).toEqual(lines(program));
  });
});

describe("the help", () => {
  it.each(leaves)("of %s has an example", (path, command) => {
    const help = helpOf(command);
    expect(help).toMatch(/\nExamples?:\n/);
    expect(help).toContain(`holdfast ${path}`);
  });
});

describe("a command line that makes no sense", () => {
  it("is answered with the help of its own command, and ends with 2", async () => {
    expect(await typed("send")).toEqual({
      code: 2,
      said: "error: missing required argument 'account'\n(try: npx holdfast send --help)\n",
    });
    const group = await typed("conversation", "show");
    expect(group.said).toContain("(try: npx holdfast conversation show --help)");
  });

  it("is answered with the command that was meant", async () => {
    const { code, said } = await typed("statsu");
    expect(code).toBe(2);
    expect(said).toContain("(Did you mean status?)");
  });
});

describe("an answer in JSON", () => {
  it.each(leaves)(
    "is offered by %s, with its shape, unless it speaks with a person",
    (path, command) => {
      const speaks = ["start", "chat", "call", "completion"].includes(path);
      const offered = command.options.find(({ long }) => long === "--json");
      expect(offered === undefined).toBe(speaks);
    },
  );

  it("has the lines that a command would print", async () => {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-json-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const { code, said } = await typed("init", join(folder, "my-bot"), "--json");
    expect(code).toBe(0);
    expect(JSON.parse(said)).toMatchObject({ ok: true, exitCode: 0 });
    expect((JSON.parse(said) as { said: string[] }).said.at(-1)).toMatch(/^Next: cd /);
  });

  it.each([
    ["init", "No Name!", "--json"],
    ["history", "site-desk", "@bob", "--limit", "x", "--json"],
  ])("of a refusal has its code, its reason and the next command: %s %s", async (...args) => {
    const { code, said } = await typed(...args);
    const [answer = "", line = ""] = said.split("\n");
    const refused = JSON.parse(answer) as Record<string, unknown>;
    expect(refused).toMatchObject({ ok: false, exitCode: code });
    expect(Object.keys(refused)).toEqual(["ok", "exitCode", "code", "message", "next"]);
    expect(line).toMatch(/^holdfast: /);
  });
});

describe("a command", () => {
  it("that nothing answers ends with 3, and says what to start", async () => {
    vi.stubEnv("HOLDFAST_HOME", "/nowhere");
    vi.stubEnv("HOLDFAST_NATS_URL", "");
    const { code, said } = await typed("status");
    vi.unstubAllEnvs();
    expect(code).toBe(3);
    expect(said).toContain("npm start");
  });

  it("tells the version, and its help, and ends with 0", async () => {
    const { version } = JSON.parse(readFileSync(packageFile("package.json"), "utf8")) as {
      readonly version: string;
    };
    expect(await typed("--version")).toEqual({ code: 0, said: `${version}\n` });
    expect(await typed("status", "--help")).toMatchObject({ code: 0 });
    expect(await typed("help", "login")).toMatchObject({
      code: 0,
      said: expect.stringContaining("holdfast auth"),
    });
  });
});
