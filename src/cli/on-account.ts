import type { AccountProtocol } from "../commands/protocol.ts";
import { type Answers, createAnswers } from "./answers.ts";
import { askAccount } from "./ask.ts";
import type { FollowOptions } from "./follow.ts";
import { print } from "./print.ts";

const { env } = process;
/** Longer than Telegram may take to answer. */
const callMsMax = 35_000;

/** Asks the holder of an account. Throws as `askAccount` does. */
export const onAccount = <Verb extends keyof AccountProtocol>(
  account: string,
  verb: Verb,
  body: AccountProtocol[Verb]["asked"],
  timeoutMs = callMsMax,
) => askAccount(account, verb, body, { env, timeoutMs });

/**
 * Does what asks a person and follows a login or a renewal; closes the input whatever happens. Resolves with the exit
 * code.
 */
export async function following(
  account: string,
  work: (options: FollowOptions, answers: Answers) => Promise<number>,
): Promise<number> {
  const answers = createAnswers();
  try {
    return await work({ account, answers, print, env }, answers);
  } finally {
    answers.close();
  }
}
