import type { Command } from "commander";
import { choicesOf, loginMethods } from "../../accounts/login/methods.ts";
import type { FollowOptions } from "../follow.ts";
import { holderLine, readHolders } from "../holders.ts";
import { logIn } from "../log-in.ts";
import { following, onAccount } from "../on-account.ts";
import { print } from "../print.ts";

const { env } = process;

/** `holdfast recover`: from a dead key back to service. */
export function addRecoverCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("recover <account>")
    .description("bring an account back whose key is dead, step by step")
    .option("--method <method>", choicesOf(loginMethods), "auto")
    .addHelpText("after", "\nExample:\n  npx holdfast recover site-desk --method qr")
    .action(async (account: string, { method }: { method: string }) => {
      setExitCode(await following(account, (options) => recover(method, options)));
    });
}

/** The emergency procedure: stopped, checked, the dead key aside, logged in, proven. */
async function recover(method: string, options: FollowOptions): Promise<number> {
  const { account } = options;
  const { account: found } = await onAccount(account, "status", {});
  if (found.wanted === "stop") {
    print(`${account} was stopped by a person. Start it with: npx holdfast resume ${account}`);
    return 1;
  }
  if (found.state === "burying") {
    print(
      `${account} is just writing its dead key off; if another key of it is logged in, that one serves next.`,
    );
    print(`Look again in a moment: npx holdfast status ${account}`);
    return 1;
  }
  const isDown = ["quarantined", "unauthorised.waiting"].includes(found.state);
  if (!isDown && found.state !== "unauthorised.authorising") {
    print(`${account} is ${found.state}: its key works, and there is nothing to recover.`);
    return 0;
  }
  print(`1/5 stopped: ${account} is ${found.state} and holds no connection`);
  const [holder] = await readHolders({ account }, { env });
  print(
    `2/5 checked: ${holder === undefined ? "nobody holds a session of it" : holderLine(holder)}`,
  );
  print("3/5 the dead key is kept aside, and is never used again");
  print("4/5 logging in");
  const exitCode = await logIn(options, method);
  if (exitCode !== 0) return exitCode;
  const { userId, tookMs } = await onAccount(account, "test", {});
  print(`5/5 it serves: Telegram answered user ${userId} in ${tookMs} ms`);
  return 0;
}
