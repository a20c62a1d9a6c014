import { launch, type Managed } from "./processes.ts";
import { nodeFlags, programFile } from "../files.ts";
import { childEnvironment } from "./child-environments.ts";

/**
 * Waits for the end of standard input: the kernel closes it with the launcher, however that ends.
 */
const waitThenEndTheRest = 'read -r _ || true; exec "$@"';

/**
 * Starts a process that outlives a killed launcher. It then ends everything recorded in the home,
 * the gate first, so that the gate can give back its lease. Until then it is a sleeping shell.
 */
export function startSentinel(home: string): Promise<Managed> {
  const [program, ...args] = [process.execPath, ...nodeFlags, programFile("src/main/sentinel")];
  return launch({
    home,
    name: "sentinel",
    command: "/bin/sh",
    args: ["-c", waitThenEndTheRest, "sentinel", program, ...args, home],
    env: childEnvironment("sentinel", process.env),
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
    stopMsMax: 1_000,
  });
}
