import type { Command } from "commander";
import { choicesOf, loginMethods, renewalMethods } from "../../accounts/login/methods.ts";
import { followRenewal } from "../follow.ts";
import { logIn } from "../log-in.ts";
import { following, onAccount } from "../on-account.ts";
import { print } from "../print.ts";

/** Commands that give an account a key: the first one, or a fresh one. */
export function addLoginCommands(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("auth <account>")
    .alias("login")
    .description("log an account in that has no working key")
    .option("--method <method>", choicesOf(loginMethods), "auto")
    .addHelpText(
      "after",
      "\nAsks for the code and the 2FA password, or shows a QR code. Nothing that you type is shown or kept.\n\nExamples:\n  npx holdfast auth site-desk\n  npx holdfast auth site-desk --method qr",
    )
    .action(async (account: string, { method }: { method: string }) => {
      setExitCode(await following(account, (options) => logIn(options, method)));
    });

  program
    .command("renew <account>")
    .description("move the account to a fresh key without a logout")
    .option("--method <method>", choicesOf(renewalMethods), "auto")
    .option("--id <id>", "the same id twice is one renewal")
    .option("--safe", "as every renewal is; accepted for those who are used to saying it")
    .option("--no-wait", "begin it and do not wait for its end")
    .addHelpText(
      "after",
      "\nThe account serves on its old key until the new one is logged in; then it is away for one reconnect. Whatever\ngoes wrong leads back to the old key, with the reason and exit code 1.\n\nExamples:\n  npx holdfast renew site-desk\n  npx holdfast renew site-desk --method qr\n  npx holdfast renew site-bot --id nightly-2026-11-21 --no-wait",
    )
    .action(async (account: string, options: { method: string; id?: string; wait: boolean }) => {
      const { method, id } = options;
      const { renewal, known } = await onAccount(account, "renew", {
        method,
        ...(id === undefined ? {} : { id }),
      });
      if (!options.wait) return print(`${account}: renewal ${renewal} has begun`);
      if (known) print(`${account}: renewal ${renewal} is known already`);
      setExitCode(await following(account, (how) => followRenewal(renewal, how)));
    });
}
