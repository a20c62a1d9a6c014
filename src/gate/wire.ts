import type { Socket } from "node:net";
import type { Endpoint, GrantRef, Permit } from "../ports/custody/gate.ts";
import type { SlotRef } from "../ports/custody/token-store.ts";

/**
 * The node's first words over the gate's unix socket: one JSON line. A dial is answered by one line
 * and is raw bytes from then on. A control connection goes on with a line per request and answer.
 */
export type Hello =
  | { readonly kind: "control"; readonly secret: string }
  | {
      readonly kind: "dial";
      readonly secret: string;
      readonly permit: Permit;
      readonly to: Endpoint;
    };

export type ControlRequest = { readonly id: number } & (
  | { readonly op: "cut"; readonly grant: GrantRef; readonly idle: boolean }
  | { readonly op: "sockets"; readonly slot: SlotRef }
  | { readonly op: "figures" }
  /** Lines that are not stored yet; `stored`: those of the last answer are. */
  | { readonly op: "journal"; readonly stored: boolean }
);

export interface Verdict {
  readonly ok: boolean;
  readonly code?: string;
  readonly message?: string;
  readonly next?: string | undefined;
}

export type ControlAnswer = Verdict & { readonly id: number; readonly value?: unknown };

const lineBytesMax = 64 * 1024;

/** Reads one line and leaves the bytes behind it in the socket, paused. Rejects when the socket ends first. */
export function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let read = Buffer.alloc(0);
    const stop = () => {
      socket.off("data", take).off("close", fail);
      socket.pause();
    };
    const fail = () => {
      stop();
      reject(new Error("the connection ended before a whole line came"));
    };
    const take = (chunk: Buffer) => {
      read = Buffer.concat([read, chunk]);
      const end = read.indexOf(10);
      if (end < 0) {
        if (read.length > lineBytesMax) fail();
        return;
      }
      stop();
      if (end + 1 < read.length) socket.unshift(read.subarray(end + 1));
      resolve(read.toString("utf8", 0, end));
    };
    socket.on("data", take).once("close", fail);
    socket.resume();
  });
}

/** Calls `onLine` for each line from now on. */
export function readLines(socket: Socket, onLine: (line: string) => void): void {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  socket.resume();
}

export function writeLine(socket: Socket, message: unknown): void {
  socket.write(`${JSON.stringify(message)}\n`);
}
