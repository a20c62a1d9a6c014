import type { Command } from "commander";
import { choicesOf, loginMethods, renewalMethods } from "../../accounts/login/methods.ts";
import { createSealKey } from "../../adapters/crypto/curve-seal.ts";
import { HoldfastError } from "../../errors.ts";
import { followRenewal } from "../follow.ts";
import { logIn } from "../log-in.ts";
import { following, onAccount } from "../on-account.ts";
import { renewAll } from "../renew-all.ts";
import { createAnswers } from "../answers.ts";
import { print } from "../print.ts";

interface RenewOptions {
  readonly method: string;
  readonly id?: string;
  readonly wait: boolean;
  readonly all?: boolean;
  readonly because?: string;
}

const whichAccount = () =>
  new HoldfastError({
    code: "ACCOUNT_MISSING",
    message: "Which account is to be renewed was not said; nothing was begun.",
    next: "Name it: npx holdfast renew <account>; or all of them: npx holdfast renew --all --because <reason>",
  });

/** Throws RENEW_ALL_MALFORMED for what goes with one account alone. */
async function renewEvery(account: string | undefined, options: RenewOptions): Promise<number> {
  const { method, id, wait, because } = options;
  const isPlain = account === undefined && method === "auto" && id === undefined && wait;
  if (!isPlain || because === undefined) {
    throw new HoldfastError({
      code: "RENEW_ALL_MALFORMED",
      message:
        "--all takes no account, no method, no id and no --no-wait, and needs --because; nothing was begun.",
      next: "Say: npx holdfast renew --all --because <reason>",
    });
  }
  const answers = createAnswers();
  try {
    return await renewAll({ because, answers, print, env: process.env });
  } finally {
    answers.close();
  }
}

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
    .command("renew [account]")
    .description("move an account, or all of them, to a fresh key without a logout")
    .option("--method <method>", choicesOf(renewalMethods), "auto")
    .option("--id <id>", "the same id twice is one renewal")
    .option("--safe", "as every renewal is; accepted for those who are used to saying it")
    .option("--no-wait", "begin it and do not wait for its end")
    .option("--all", "every account, a few at a time; each by the method that fits it")
    .option("--because <reason>", "with --all; the same reason again takes up what is left")
    .addHelpText(
      "after",
      "\nThe account serves on its old key until the new one is logged in; then it is away for one reconnect. Whatever\ngoes wrong leads back to the old key, with the reason and exit code 1.\n\nExamples:\n  npx holdfast renew site-desk\n  npx holdfast renew site-desk --method qr\n  npx holdfast renew site-bot --id nightly-2026-11-21 --no-wait\n  npx holdfast renew --all --because compromised",
    )
    .action(async (account: string | undefined, options: RenewOptions) => {
      const { method, id } = options;
      if (options.all === true) return setExitCode(await renewEvery(account, options));
      if (account === undefined) throw whichAccount();
      if (method === "qr" && !options.wait) throw qrNeedsWait(account);
      const qrKey = createSealKey();
      const { renewal, known } = await onAccount(account, "renew", {
        method,
        sealTo: qrKey.publicKey,
        ...(id === undefined ? {} : { id }),
      });
      if (!options.wait) return print(`${account}: renewal ${renewal} has begun`);
      if (known) print(`${account}: renewal ${renewal} is known already`);
      setExitCode(await following(account, (how) => followRenewal(renewal, { ...how, qrKey })));
    });
}

const qrNeedsWait = (account: string) =>
  new HoldfastError({
    code: "QR_NEEDS_WAIT",
    message: `Only the command that asks for a QR code can show it, and --no-wait ends that command; nothing was changed.`,
    next: `Type: npx holdfast renew ${account} --method qr`,
  });
