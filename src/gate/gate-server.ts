import { chmodSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { timingSafeEqual } from "node:crypto";
import { errorLine, HoldfastError } from "../errors.ts";
import type { Journal } from "./journal.ts";
import type { SocketTable } from "./socket-table.ts";
import type { Supervisor } from "./supervisor.ts";
import { type ControlRequest, type Hello, readLine, readLines, writeLine } from "./wire.ts";

export interface GateServer {
  close(): Promise<void>;
}

/**
 * Serves the node of this gate. Refuses every client without the secret that the node was given, and all
 * clients between two nodes. The control connections of a node end with it.
 */
export async function serveGate(
  path: string,
  node: Pick<Supervisor, "secret" | "onNodeGone">,
  table: SocketTable,
  figures: () => Readonly<Record<string, number>>,
  journal?: Pick<Journal, "pending" | "stored">,
): Promise<GateServer> {
  const open = new Set<Socket>();
  const controls = new Set<Socket>();

  async function answerControl(request: ControlRequest): Promise<unknown> {
    switch (request.op) {
      case "cut":
        return table.cut(request.grant, request.idle);
      case "sockets":
        return table.sockets(request.slot);
      case "figures":
        return figures();
      case "journal":
        if (request.stored) journal?.stored();
        return journal?.pending() ?? { lines: [], heads: [] };
    }
  }

  function control(socket: Socket): void {
    controls.add(socket);
    socket.once("close", () => controls.delete(socket));
    readLines(socket, (line) => {
      const request = JSON.parse(line) as ControlRequest;
      answerControl(request).then(
        (value) => writeLine(socket, { id: request.id, ok: true, value }),
        (error: unknown) => writeLine(socket, { id: request.id, ...refusalOf(error) }),
      );
    });
  }

  async function welcome(socket: Socket): Promise<void> {
    const hello = JSON.parse(await readLine(socket)) as Hello;
    if (!isSecret(hello.secret, node.secret())) return void socket.destroy();
    if (hello.kind === "control") {
      writeLine(socket, { ok: true });
      return control(socket);
    }
    try {
      await table.dial(hello.permit, hello.to, socket);
      writeLine(socket, { ok: true });
      socket.resume();
    } catch (error) {
      socket.end(`${JSON.stringify(refusalOf(error))}\n`);
    }
  }

  node.onNodeGone(() => {
    for (const socket of controls) socket.destroy();
  });
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => open.delete(socket));
    welcome(socket).catch(() => socket.destroy());
  });
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => {
          rmSync(path, { force: true });
          resolve();
        });
      }),
  };
}

function isSecret(given: unknown, expected: string | null): boolean {
  if (expected === null || typeof given !== "string") return false;
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function refusalOf(error: unknown) {
  return error instanceof HoldfastError
    ? { ok: false, code: error.code, message: error.message, next: error.next }
    : { ok: false, code: "UNEXPECTED", message: errorLine(error) };
}
