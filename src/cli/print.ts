/**
 * Characters that a terminal obeys, or that turn text around: C0 but tab and line feed, DEL, C1, and the controls of
 * direction (Unicode Standard Annex 9).
 */
const controls = new RegExp(
  String.raw`[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]`,
  "g",
);

/** Shows each of them as its escape, as JSON writes it: JSON means the same afterwards. */
export function withoutControls(text: string): string {
  return text.replaceAll(
    controls,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The two outputs of a program, as `process` has them. */
export interface Outputs {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream;
}

/** The one way to an operator's screen: texts of chats, names and logs come through it, and command nothing there. */
export interface Screen {
  /** Aborts when nobody reads any more, as after `| head -1`: what only shows something may end then. */
  readonly gone: AbortSignal;
  print(text: string): void;
  printJson(answer: object): void;
  /** To the error output, a line of its own. */
  printError(text: string): void;
  /** To the error output, where the cursor stays behind it. */
  promptWith(text: string): void;
  /** Empties a terminal before a report that is shown anew; does nothing to a file or a pipe. */
  clear(): void;
  /** From now on what would be printed is kept, for one answer at the end. */
  collect(): void;
  readonly isCollecting: boolean;
  /** What was kept; from now on it is printed again. */
  take(): readonly string[];
}

export function createScreen(to: Outputs): Screen {
  const gone = new AbortController();
  let collected: string[] | null = null;

  /** A reader that ends is no fault of the command, which finishes its work unseen. */
  function onFault(error: NodeJS.ErrnoException): void {
    if (error.code !== "EPIPE") throw error;
    gone.abort();
  }
  to.stdout.on("error", onFault);
  to.stderr.on("error", onFault);

  function print(text: string): void {
    if (collected !== null) collected.push(text);
    else if (!gone.signal.aborted) to.stdout.write(`${withoutControls(text)}\n`);
  }

  return {
    gone: gone.signal,
    print,
    printJson: (answer) => print(JSON.stringify(answer)),
    printError: (text) => void to.stderr.write(`${withoutControls(text)}\n`),
    promptWith: (text) => void to.stderr.write(withoutControls(text)),
    clear() {
      if (to.stdout.isTTY) to.stdout.write("\u001b[H\u001b[2J\u001b[3J");
    },
    collect: () => void (collected ??= []),
    get isCollecting() {
      return collected !== null;
    },
    take() {
      const taken = collected ?? [];
      collected = null;
      return taken;
    },
  };
}

/** This program's own. */
export const screen = createScreen(process);
export const { print, printJson, printError, promptWith } = screen;
