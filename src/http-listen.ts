import type { Server } from "node:http";
import { HoldfastError } from "./errors.ts";

/** Where an HTTP server listens, and the variable that says so. */
export interface ListenPlace {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly variable: string;
}

/** Resolves once the server listens. Throws PORT_IN_USE or CANNOT_LISTEN, with the remedy. */
export async function listenAt(server: Server, place: ListenPlace): Promise<void> {
  const { host, port } = place;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(cannotListen(place, cause)));
    server.listen(port, host, resolve);
  });
}

function cannotListen(
  { host, port, variable }: ListenPlace,
  cause: NodeJS.ErrnoException,
): HoldfastError {
  return new HoldfastError({
    code: cause.code === "EADDRINUSE" ? "PORT_IN_USE" : "CANNOT_LISTEN",
    message:
      cause.code === "EADDRINUSE"
        ? `Port ${port} on ${host} is in use by another program.`
        : `Cannot listen on ${host}:${port} (${cause.code ?? cause.message}).`,
    next: `Set ${variable} to a free port, or to 0 for any.`,
    cause,
  });
}
