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

const gone = new AbortController();

/** Aborts when nobody reads what is printed any more, as after `| head -1`: what only shows something may end then. */
export const screenGone: AbortSignal = gone.signal;

/** A reader that ends is no fault of the command, which finishes its work unseen. */
function onScreenError(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  gone.abort();
}
process.stdout.on("error", onScreenError);
process.stderr.on("error", onScreenError);

let collected: string[] | null = null;

/** From now on what would be printed is kept, for one answer at the end. */
export function collectPrinted(): void {
  collected ??= [];
}

export const isCollecting = (): boolean => collected !== null;

/** What was kept; from now on it is printed again. */
export function takePrinted(): readonly string[] {
  const taken = collected ?? [];
  collected = null;
  return taken;
}

/** The one way to the operator's screen: texts of chats, names and logs come through it, and command nothing there. */
export const print = (text: string): void => {
  if (collected !== null) collected.push(text);
  else if (!gone.signal.aborted) process.stdout.write(`${withoutControls(text)}\n`);
};

export const printJson = (answer: object): void => print(JSON.stringify(answer));

/** To the error output, a line of its own. */
export const printError = (text: string): void => {
  process.stderr.write(`${withoutControls(text)}\n`);
};

/** To the error output, where the cursor stays behind it. */
export const promptWith = (text: string): void => {
  process.stderr.write(withoutControls(text));
};

/** Empties a terminal's screen before a report that is shown anew; does nothing to a file or a pipe. */
export const clearScreen = (): void => {
  if (process.stdout.isTTY) process.stdout.write("\u001b[H\u001b[2J\u001b[3J");
};
