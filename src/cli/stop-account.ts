import { onAccount } from "./on-account.ts";
import { print } from "./print.ts";

/** The bounds of a stop: calls in flight may end, connections close, the token is freed. */
const stopMsMax = 45_000;

/** Lets an account go, with a line now and then while what is in flight ends. */
export async function stopAccount(account: string, force: boolean): Promise<void> {
  const begunMs = performance.now();
  const progress = setInterval(() => {
    const seconds = Math.round((performance.now() - begunMs) / 1000);
    print(`${account}: what is in flight still ends (${seconds} s; it is cut after 15 s)`);
  }, 3_000);
  try {
    await onAccount(account, "drain", { force }, stopMsMax);
  } finally {
    clearInterval(progress);
  }
  print(
    `${account}: stopped, with 0 sockets and its token free. Start it with: npx holdfast resume ${account}`,
  );
}
