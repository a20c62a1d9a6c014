import { createHash } from "node:crypto";
import { createServer, type Server } from "node:net";
import { HoldfastError } from "../errors.ts";

/**
 * One gate per host and fleet: an abstract unix socket, which the kernel gives back when this process ends,
 * however it ends. `fleet` tells fleets on one machine apart. Elsewhere than on Linux the lease alone judges.
 */
export async function takeHostLock(fleet: string, host: string): Promise<() => void> {
  if (process.platform !== "linux") return () => {};
  const name = createHash("sha256").update(`${fleet}\n${host}`).digest("hex").slice(0, 32);
  const server: Server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      reject(
        new HoldfastError({
          code: "HOST_LOCKED",
          message: `Another gate already runs for host "${host}" of this fleet on this machine.`,
          next: "Stop it, or give this one a name of its own in HOLDFAST_HOST.",
          cause,
        }),
      );
    });
    server.listen(`\0holdfast-gate-${name}`, resolve);
  });
  server.unref();
  return () => server.close();
}
