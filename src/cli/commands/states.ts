import type { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import { createAnswers } from "../answers.ts";
import { onAccount } from "../on-account.ts";
import { stopAccount } from "../stop-account.ts";
import { print } from "../print.ts";

/** Commands that pause, stop, prove and end the session of an account. */
export function addStateCommands(program: Command): void {
  const simple = [
    ["pause", "stay connected and send nothing, until: resume"],
    ["resume", "serve again, after a pause, a drain or a stop"],
  ] as const;
  for (const [verb, description] of simple) {
    program
      .command(`${verb} <account>`)
      .description(description)
      .addHelpText("after", `\nExample:\n  npx holdfast ${verb} site-desk`)
      .action(async (account: string) => {
        const { state } = await onAccount(account, verb, {});
        print(`${account}: ${state}`);
      });
  }

  program
    .command("drain <account>")
    .description("let what is in flight end, disconnect, and stay away until: resume")
    .option("--force", "cut what is in flight")
    .addHelpText("after", "\nExample:\n  npx holdfast drain site-desk")
    .action((account: string, { force }: { force?: boolean }) =>
      stopAccount(account, force === true),
    );

  program
    .command("test <account>")
    .description("prove a session by a real call, without disturbing anything")
    .addHelpText("after", "\nExample:\n  npx holdfast test site-desk")
    .action(async (account: string) => {
      const { userId, isBot, tookMs } = await onAccount(account, "test", {});
      print(
        `${account}: its session works; Telegram answered ${isBot ? "bot" : "user"} ${userId} in ${tookMs} ms`,
      );
    });

  program
    .command("logout <account>")
    .description("end the account's session at Telegram; a login is needed afterwards")
    .option("--yes", "do not ask")
    .addHelpText("after", "\nExample:\n  npx holdfast logout site-desk --yes")
    .action(async (account: string, { yes }: { yes?: boolean }) => {
      const answers = createAnswers();
      const isSure =
        yes === true || (await answers.confirm(`Log ${account} out at Telegram, for good?`));
      answers.close();
      if (!isSure) throw notSure(account);
      await onAccount(account, "logout", {});
      print(`${account} is being logged out. See it with: npx holdfast status ${account}`);
    });
}

const notSure = (account: string) =>
  new HoldfastError({
    code: "NOT_CONFIRMED",
    message: `${account} was not logged out.`,
    next: `Say so with: npx holdfast logout ${account} --yes`,
  });
