import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import { HoldfastError } from "../errors.ts";

/**
 * Takes what Node's permissions leave: signals to other processes, such as the node, and sockets of this machine's
 * file system, such as the gate's. A bot speaks to the network by addresses and ports.
 */
export function confine(): void {
  const refuse = (what: string): never => {
    throw refused(what);
  };
  for (const name of ["kill", "_kill", "_debugProcess", "setuid", "setgid"]) {
    Object.defineProperty(process, name, { value: () => refuse(name) });
  }
  const connect = net.Socket.prototype.connect as (
    this: net.Socket,
    ...args: unknown[]
  ) => net.Socket;
  Object.defineProperty(net.Socket.prototype, "connect", {
    value: function (this: net.Socket, ...args: unknown[]) {
      if (!isPath(args)) return connect.apply(this, args);
      process.nextTick(() => this.destroy(refused("a socket of this machine")));
      return this;
    },
  });
  syncBuiltinESMExports();
}

/** Node's own calls pass their arguments as one list. */
function isPath(args: readonly unknown[]): boolean {
  const [first] = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  if (typeof first === "string") return Number.isNaN(Number(first));
  return typeof first === "object" && first !== null && "path" in first && Boolean(first.path);
}

const refused = (what: string): HoldfastError =>
  new HoldfastError({
    code: "BOT_CONFINED",
    message: `A bot's process may not use ${what}.`,
    next: "Reach other services by their address and port.",
  });
