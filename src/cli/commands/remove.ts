import type { Command } from "commander";
import { HoldfastError } from "../../errors.ts";
import { createAnswers } from "../answers.ts";
import { onAccount } from "../on-account.ts";
import { print } from "../print.ts";

/** What is in flight ends, Telegram confirms the logout, and many conversations are deleted. */
const removeMsMax = 120_000;

interface RemoveOptions {
  readonly yes?: boolean;
  readonly keepKeys?: boolean;
}

/** `holdfast remove`: the end of an account. */
export function addRemoveCommand(program: Command): void {
  program
    .command("remove <account>")
    .description("end an account for good: log its keys out, and delete what is stored of it")
    .option(
      "--keep-keys",
      "leave the login at Telegram as it is; the key is deleted here all the same",
    )
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      "\nDeleted: keys, phone number or token, password, proxy, renewals, and what was said over Telegram. Kept: the ledger of\nconnections and the record of commands.\n\nExample:\n  npx holdfast remove site-desk --yes",
    )
    .action(async (account: string, { yes, keepKeys = false }: RemoveOptions) => {
      const answers = createAnswers();
      const what = keepKeys ? "delete" : "log out and delete";
      const isSure =
        yes === true ||
        (await answers.confirm(`Really ${what} ${account}, with its conversations, for good?`));
      answers.close();
      if (!isSure) throw notSure(account);
      const body = { confirm: account, keepKeys };
      const { keysLoggedOut } = await onAccount(account, "remove", body, removeMsMax);
      print(
        keysLoggedOut
          ? `${account} is logged out and deleted`
          : `${account} is deleted; nothing was logged out at Telegram`,
      );
    });
}

const notSure = (account: string) =>
  new HoldfastError({
    code: "NOT_CONFIRMED",
    message: `${account} was not removed.`,
    next: `Say so with: npx holdfast remove ${account} --yes`,
  });
