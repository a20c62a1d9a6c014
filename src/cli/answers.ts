import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";
import { HoldfastError } from "../errors.ts";
import { promptWith } from "./print.ts";

/** A person's typing, or a pipe's lines. */
export interface Answers {
  /** A line; on a terminal it is not shown while it is typed. Throws NOTHING_GIVEN when the input has ended. */
  secret(prompt: string): Promise<string>;
  /** Yes or no. On anything but a terminal it is no, as no person was asked. */
  confirm(prompt: string): Promise<boolean>;
  close(): void;
}

/** Over standard input; opened at the first question. */
export function createAnswers(): Answers {
  const { stdin } = process;
  let lines: Interface | null = null;
  const read: string[] = [];
  let wake = () => {};
  let ended = false;

  function open(): Interface {
    if (lines !== null) return lines;
    // Readline would echo the typing: it writes to nowhere.
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    lines = createInterface({ input: stdin, output: nowhere, terminal: stdin.isTTY });
    lines.on("line", (typed) => {
      read.push(typed);
      wake();
    });
    lines.once("close", () => {
      ended = true;
      wake();
    });
    lines.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
    return lines;
  }

  async function line(prompt: string): Promise<string> {
    open();
    if (stdin.isTTY) promptWith(prompt);
    while (read.length === 0 && !ended) await new Promise<void>((resolve) => (wake = resolve));
    if (stdin.isTTY) promptWith("\n");
    const text = read.shift()?.trim() ?? "";
    if (text !== "") return text;
    throw new HoldfastError({
      code: "NOTHING_GIVEN",
      message: "Standard input has no answer.",
      next: "Pipe the value in, or type it and press Enter.",
    });
  }

  return {
    secret: line,
    async confirm(prompt) {
      if (!stdin.isTTY) return false;
      return /^y(?:es)?$/i.test(
        await line(`${prompt} [y/N, not shown while you type] `).catch(() => ""),
      );
    },
    close: () => lines?.close(),
  };
}

/**
 * One line of standard input: secrets never stand on a command line, where other users see them. Throws
 * NOTHING_GIVEN.
 */
export async function readSecret(): Promise<string> {
  process.stdin.setEncoding("utf8");
  let text = "";
  for await (const chunk of process.stdin) {
    text += chunk as string;
    if (text.includes("\n")) break;
  }
  const [line = ""] = text.trim().split("\n");
  if (line !== "") return line;
  throw new HoldfastError({
    code: "NOTHING_GIVEN",
    message: "Standard input is empty.",
    next: "Pipe the value in, or type it and press Enter.",
  });
}
