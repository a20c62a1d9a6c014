import { resolve } from "node:path";
import type { Command } from "commander";
import { hostsBot, noBot } from "../../ports/accounts/chosen-bot.ts";
import { createAnswers } from "../answers.ts";
import { openProxy, refuseFurther } from "../given-secret.ts";
import { onAccount } from "../on-account.ts";
import { print } from "../print.ts";

/** Commands that change an account's stored settings. */
export function addSettingCommands(program: Command): void {
  program
    .command("password <account>")
    .description("keep the account's 2FA password, encrypted, so that renewals need nobody")
    .option("--forget", "keep it no longer")
    .addHelpText(
      "after",
      "\nExamples:\n  npx holdfast password site-desk\n  npx holdfast password site-desk --forget",
    )
    .allowExcessArguments()
    .action(async (account: string, { forget }: { forget?: boolean }, { args }: Command) => {
      refuseFurther(args, 1, `npx holdfast password ${account} < file`);
      const answers = createAnswers();
      const password =
        forget === true
          ? null
          : await answers.password("2FA password (not shown): ").finally(() => answers.close());
      await onAccount(account, "password", { password });
      print(`${account}: the password is ${forget === true ? "forgotten" : "kept, encrypted"}`);
    });

  program
    .command("bot <account> <bot>")
    .description("choose which bot answers for an account: a file, host or none")
    .addHelpText(
      "after",
      "\nA file lies at the same path on every host. host: the host's own, by HOLDFAST_BOT. none: messages are kept and not answered.\nUntil it is said, a bot's account has host, and a person's has none. Holds at once, on every host.\n\nExamples:\n  npx holdfast bot site-desk /srv/bots/desk.ts\n  npx holdfast bot site-desk none",
    )
    .action(async (account: string, chosen: string) => {
      const isWord = chosen === noBot || chosen === hostsBot;
      const { bot } = await onAccount(account, "bot", { bot: isWord ? chosen : resolve(chosen) });
      print(
        bot === noBot
          ? `${account}: no bot answers; messages are kept`
          : `${account}: ${bot === hostsBot ? "the host's bot" : bot} answers from now on`,
      );
    });

  program
    .command("token <account>")
    .description("give a bot another token of the same bot, read from standard input")
    .addHelpText(
      "after",
      "\nIts key stays. A login, and a renewal by bot-token, use the new one.\n\nExample:\n  npx holdfast token site-bot",
    )
    .allowExcessArguments()
    .action(async (account: string, _options: object, { args }: Command) => {
      refuseFurther(args, 1, `npx holdfast token ${account} < file`);
      const answers = createAnswers();
      const botToken = await answers
        .secret("Bot token (not shown): ")
        .finally(() => answers.close());
      await onAccount(account, "token", { botToken });
      print(
        `${account}: the token is kept, encrypted. Log in with it, where Telegram ended the old login: npx holdfast auth ${account}`,
      );
    });

  program
    .command("proxy <account> [url]")
    .description("connect through a proxy; an address with a password is read from standard input")
    .option("--none", "connect directly again")
    .addHelpText(
      "after",
      "\nsocks5://user:password@host:port, socks4://host:port or http://host:port; holds from the next connection on.\n\nExample:\n  npx holdfast proxy site-desk socks5://127.0.0.1:1080",
    )
    .action(async (account: string, url: string | undefined, { none }: { none?: boolean }) => {
      const answers = createAnswers();
      const proxy =
        none === true
          ? null
          : url !== undefined
            ? openProxy(url, `npx holdfast proxy ${account} < file`)
            : await answers.secret("Proxy address (not shown): ").finally(() => answers.close());
      await onAccount(account, "proxy", { proxy });
      print(
        `${account} connects ${proxy === null ? "directly" : "through the proxy"} from now on; to begin at once: npx holdfast force ${account}`,
      );
    });
}
