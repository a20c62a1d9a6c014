import { createInterface } from "node:readline";
import type { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import { print, promptWith } from "../print.ts";

const { env, stdin } = process;
const namePattern = /^[A-Za-z]\w{2,31}$/;

/** `holdfast chat`: the phone of a person on the simulated Telegram, in the terminal. */
export function addChatCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("chat <account>")
    .description("write to an account of the simulated Telegram, as a person with a phone would")
    .option("--as <name>", "the person's user name; made if there is none", "visitor")
    .addHelpText(
      "after",
      `\nEach line is a message; the number of a button presses it. Ctrl-D ends. Exits with 1 when a line was not answered.\nOn Telegram itself, write from a phone of your own.\n\nExamples:\n  npx holdfast chat site-bot\n  printf '/start\\n1\\n' | npx holdfast chat site-bot --as ada`,
    )
    .action(async (account: string, { as }: { as: string }) => {
      if (!namePattern.test(as)) throw nameMalformed(as);
      const [{ onAccount }, { readRunInfo }, { controlOf }, { createSystemClock }, { chat }] =
        await Promise.all([
          import("../on-account.ts"),
          import("../../embedded/run-info.ts"),
          import("../../embedded/control-api.ts"),
          import("../../concurrency/system-clock.ts"),
          import("../chat.ts"),
        ]);
      const { userId } = await onAccount(account, "test", {});
      const run = await readRunInfo(env["HOLDFAST_HOME"] ?? ".holdfast");
      const phones = run === null ? null : controlOf(run);
      if (phones === null) throw noSimulation(account);
      const unanswered = await chat({
        phones,
        peer: userId,
        as,
        lines: typedLines(),
        clock: createSystemClock(),
        print,
      });
      setExitCode(unanswered === 0 ? 0 : 1);
    });
}

/** On a terminal, a mark stands where the next line is typed. */
async function* typedLines(): AsyncGenerator<string> {
  const mark = () => stdin.isTTY && promptWith("→ ");
  const lines = createInterface({ input: stdin });
  mark();
  for await (const line of lines) {
    yield line;
    mark();
  }
}

const nameMalformed = (as: string) =>
  new HoldfastError({
    code: "OPTION_MALFORMED",
    message: `--as ${JSON.stringify(as.slice(0, 40))} is no user name: 3 to 32 letters, digits and underscores, a letter first.`,
    next: "Try: --as ada",
  });

const noSimulation = (account: string) =>
  new HoldfastError({
    code: "CHAT_ELSEWHERE",
    message:
      "The service of this folder does not run the simulated Telegram, so no phone can be played here.",
    next: `Write to the account from your own phone; what it heard shows: npx holdfast conversation list ${account}`,
  });
