import { createInterface, type Interface } from "node:readline";
import { type Readable, Writable } from "node:stream";
import { HoldfastError } from "../errors.ts";
import { plainText } from "../inputs/plain-text.ts";
import { promptWith } from "./print.ts";

/** A person's typing, or a pipe's lines. */
export interface Answers {
  /**
   * A line without blanks at its ends; on a terminal it is not shown while it is typed. Throws NOTHING_GIVEN when the
   * input has ended.
   */
  secret(prompt: string): Promise<string>;
  /** The same, whole: a password may begin and end with blanks. */
  password(prompt: string): Promise<string>;
  /**
   * A line of a terminal, or as many lines of a pipe as make it whole: a pasted text may be wrapped, and the lines
   * behind it answer later questions. All of them, where it never is.
   */
  wrapped(prompt: string, isWhole: (text: string) => boolean): Promise<string>;
  /** Yes or no. On anything but a terminal it is no, as no person was asked. */
  confirm(prompt: string): Promise<boolean>;
  close(): void;
}

/** Standard input, or what stands in its place. */
type Typed = Readable & { readonly isTTY?: boolean };

/** Over standard input; opened at the first question. */
export function createAnswers(stdin: Typed = process.stdin): Answers {
  let lines: Interface | null = null;
  const read: string[] = [];
  let wake = () => {};
  let ended = false;

  function open(): Interface {
    if (lines !== null) return lines;
    // Readline would echo the typing: it writes to nowhere.
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    lines = createInterface({ input: stdin, output: nowhere, terminal: stdin.isTTY === true });
    let isFirst = true;
    lines.on("line", (typed) => {
      read.push(isFirst ? withoutMark(typed) : typed);
      isFirst = false;
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
    return read.shift() ?? "";
  }

  return {
    secret: async (prompt) => given((await line(prompt)).trim()),
    password: async (prompt) => given(await line(prompt)),
    async wrapped(prompt, isWhole) {
      let text = await line(prompt);
      while (!stdin.isTTY && !isWhole(text) && (!ended || read.length > 0))
        text = `${text}\n${await line(prompt)}`;
      return given(text.trim());
    },
    async confirm(prompt) {
      if (!stdin.isTTY) return false;
      return /^y(?:es)?$/i.test(
        plainText(await line(`${prompt} [y/N, not shown while you type] `)),
      );
    },
    close: () => lines?.close(),
  };
}

/** The mark of its encoding, with which some programs begin a text, is no part of it. */
const withoutMark = (text: string): string => text.replace(/^\ufeff/, "");

function given(text: string): string {
  if (text !== "") return text;
  throw new HoldfastError({
    code: "NOTHING_GIVEN",
    message: "Standard input has no answer.",
    next: "Pipe the value in, or type it and press Enter.",
  });
}

/** Longer than any message may be. */
const textBytesMax = 1024 * 1024;

/**
 * All of standard input but the line end at its end: a text may have several lines. Throws NOTHING_GIVEN and
 * TEXT_TOO_LONG, the latter without reading on.
 */
export async function readText(): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > textBytesMax) throw tooLong();
  }
  return given(withoutMark(Buffer.concat(chunks).toString("utf8")).replace(/\r?\n$/, ""));
}

const tooLong = (): HoldfastError =>
  new HoldfastError({
    code: "TEXT_TOO_LONG",
    message: "Standard input holds more than 1 MiB; nothing was done.",
    next: "Give a shorter text: Telegram takes 4,096 characters in one message.",
  });

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
