import { errorCodeOf, errorLine } from "../errors.ts";

export interface UnforeseenOptions {
  /** One line for the log: what nothing caught, and what follows. */
  say(line: string): void;
  /** Ends the program in order. */
  stop(): Promise<unknown>;
  /** Ends the process. */
  exit(): void;
  /** An end in order may take at most so long. */
  stopMsMax: number;
}

/** An error that nothing caught is told by its stack, as no one else will tell of it. */
const storyOf = (error: unknown): string =>
  error instanceof Error && error.stack !== undefined ? error.stack : errorLine(error);

/**
 * What a program does about an error or a rejection that nothing caught: it says so once, ends in order, and exits. Any
 * further one is only said. Without this, Node would end the process at once, with what it has under way. For
 * `uncaughtException`: a rejection that nothing handles comes there, too.
 */
export function createUnforeseen(options: UnforeseenOptions): (met: unknown) => void {
  const { say, stop, exit, stopMsMax } = options;
  let isEnding = false;
  return (met) => {
    say(`nothing caught ${errorCodeOf(met)}: ${storyOf(met)}`);
    if (isEnding) return;
    isEnding = true;
    say(`it ends in order, within ${stopMsMax} ms, and is started again`);
    setTimeout(exit, stopMsMax);
    stop().then(exit, exit);
  };
}
