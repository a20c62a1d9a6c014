import type { Readable } from "node:stream";

export interface SaidBounds {
  /** Characters of one line; the rest of a longer one is left out. */
  readonly lineMax: number;
  /** Lines of a second; further ones are counted. */
  readonly linesMax: number;
  /** Of a second that are read at all; beyond that the writer waits. */
  readonly charactersMax: number;
}

const second = 1_000;
const boundsByDefault: SaidBounds = {
  lineMax: 1_000,
  linesMax: 100,
  charactersMax: 4 * 1024 * 1024,
};

/**
 * Hands on what a process prints, line by line. One that prints without end costs a bounded part of this process: its
 * further lines are counted, and it waits.
 */
export function readSaid(
  stream: Readable,
  onLine: (line: string) => void,
  bounds: SaidBounds = boundsByDefault,
): void {
  let kept = "";
  let lines = 0;
  let characters = 0;
  let untold = 0;
  let timer: NodeJS.Timeout | null = null;

  function nextSecond(): void {
    timer = null;
    if (untold > 0) onLine(`(${untold} characters more)`);
    [lines, characters, untold] = [0, 0, 0];
    if (stream.isPaused()) stream.resume();
  }

  /** Lines beyond the bound are not even looked for. */
  function hear(chunk: string): void {
    let from = 0;
    for (let end = chunk.indexOf("\n"); end !== -1; end = chunk.indexOf("\n", from)) {
      if (lines >= bounds.linesMax) {
        const last = chunk.lastIndexOf("\n");
        untold += last - from;
        kept = "";
        from = last + 1;
        break;
      }
      lines += 1;
      onLine(`${kept}${chunk.slice(from, end)}`.slice(0, bounds.lineMax));
      kept = "";
      from = end + 1;
    }
    kept = `${kept}${chunk.slice(from, from + bounds.lineMax)}`.slice(0, bounds.lineMax);
  }

  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    timer ??= setTimeout(nextSecond, second).unref();
    characters += chunk.length;
    if (characters > bounds.charactersMax) stream.pause();
    hear(chunk);
  });
  stream.on("end", () => {
    if (kept !== "") onLine(kept);
    if (untold > 0) onLine(`(${untold} characters more)`);
    if (timer !== null) clearTimeout(timer);
  });
  stream.on("error", () => undefined);
}
