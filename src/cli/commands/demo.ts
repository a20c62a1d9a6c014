import type { Command } from "commander";
import { HoldfastError } from "../../errors.ts";

/** `holdfast demo`: the main job from an empty folder, judged. */
export function addDemoCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("demo")
    .description("a finite, narrated run of the main job; exits 0 only if every claim held")
    .option("--json", "end with one line of figures")
    .option(
      "--turns <n>",
      "conversation turns at least",
      (text) => wholeNumber("--turns", text),
      300,
    )
    .option("--break <fault>", "plant a fault (overlap, lose, duplicate): the demo must then fail")
    .addHelpText(
      "after",
      "\nExamples:\n  npx holdfast demo\n  npx holdfast demo --turns 1000 --json",
    )
    .action(async (options: { json?: boolean; turns: number; break?: string }) => {
      const { runDemo } = await import("../../demo/run-demo.ts");
      setExitCode(await runDemo(options));
    });
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new HoldfastError({
    code: "OPTION_MALFORMED",
    message: `${option} takes a whole number above 0, not "${text}".`,
    next: `Type it as in: ${option} 20`,
  });
}
