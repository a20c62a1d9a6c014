import { Command } from "commander";
import { expect, it } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { checkArguments } from "../../tools/check-arguments.ts";

const planted = () => {
  const program = new Command("planted").option("--api-token <text>");
  program.command("add <account> [password]").option("--proxy <where>").option("--kind <kind>");
  const group = program.command("caller");
  group.command("join <name>").option("-s, --with <login code>").option("--seed-file <file>");
  group.command("key-list").option("--keys <folder>").option("--key-id <hex>");
  return program;
};

it("an argument or an option that is named like a secret is named, at any depth", () => {
  const found = checkArguments(planted(), {});
  expect(found.map((line) => line.replace(/ is named .*/, ""))).toEqual([
    "planted --api-token",
    "add [password]",
    "add --proxy",
    "caller join --with",
  ]);
});

it("an excuse that no command needs is named", () => {
  const excuses = { "planted --api-token": "", "add [password]": "", "caller join --with": "" };
  expect(checkArguments(planted(), { ...excuses, "add --proxy": "", "gone --key": "" })).toEqual([
    "gone --key is excused in tools/check-arguments.ts, and no command has it",
  ]);
});

it("no command of the program takes a secret among its arguments", async () => {
  const program = await createProgram(() => {});
  expect(checkArguments(program)).toEqual([]);
  program.commands.find((one) => one.name() === "answer")?.argument("<code>");
  expect(checkArguments(program)).toEqual([expect.stringContaining("answer <code>")]);
});
