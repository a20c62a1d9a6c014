import type { Command } from "commander";
import { createAnswers } from "../answers.ts";
import { refuseFurther } from "../given-secret.ts";
import { onAccount } from "../on-account.ts";
import { print } from "../print.ts";

/** Commands that answer what a login or a renewal asks elsewhere. */
export function addAnswerCommands(program: Command): void {
  program
    .command("answer <account>")
    .description("answer what a login or a renewal asks; the answer is read from standard input")
    .requiredOption("--of <id>", "the login or renewal that asks, as `status` shows it")
    .option("--kind <kind>", "code or password", "code")
    .addHelpText("after", "\nExample:\n  npx holdfast answer site-desk --of 6f1c… --kind password")
    .allowExcessArguments()
    .action(async (account: string, body: { of: string; kind: string }, { args }: Command) => {
      refuseFurther(args, 1, `npx holdfast answer ${account} --of ${body.of} --kind ${body.kind}`);
      const answers = createAnswers();
      const prompt = "Answer (not shown): ";
      const typed = body.kind === "password" ? answers.password(prompt) : answers.secret(prompt);
      const value = await typed.finally(() => answers.close());
      await onAccount(account, "answer", { ...body, value });
      print(`${account}: the ${body.kind} was passed on`);
    });

  program
    .command("code <account>")
    .description("give the login code that an account waits for; read from standard input")
    .addHelpText("after", "\nExample:\n  npx holdfast code site-desk")
    .allowExcessArguments()
    .action(async (account: string, _options: object, { args }: Command) => {
      refuseFurther(args, 1, `npx holdfast code ${account}`);
      const { question } = (await onAccount(account, "status", {})).account;
      const answers = createAnswers();
      const value = await answers.secret("Login code (not shown): ").finally(() => answers.close());
      await onAccount(account, "answer", { of: question?.of ?? "nothing", kind: "code", value });
      print(`${account}: the code was passed on`);
    });
}
