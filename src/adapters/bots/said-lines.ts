import type { Readable } from "node:stream";

export interface SaidBounds {
  /** Characters of one line; the rest of a longer one is left out. */
  readonly lineMax: number;
  /** Lines of a second; further ones are counted. */
  readonly linesMax: number;
  /** Bytes of a second that are read at all; beyond that the writer waits. */
  readonly bytesMax: number;
}

const second = 1_000;
const boundsByDefault: SaidBounds = { lineMax: 1_000, linesMax: 100, bytesMax: 4 * 1024 * 1024 };

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
  let bytes = 0;
  let untold = 0;
  let timer: NodeJS.Timeout | null = null;

  function say(line: string): void {
    lines += 1;
    if (lines > bounds.linesMax) untold += 1;
    else onLine(line);
  }

  function nextSecond(): void {
    timer = null;
    if (untold > 0) onLine(`(${untold} lines more)`);
    [lines, bytes, untold] = [0, 0, 0];
    if (stream.isPaused()) stream.resume();
  }

  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    timer ??= setTimeout(nextSecond, second).unref();
    bytes += chunk.length;
    if (bytes > bounds.bytesMax) stream.pause();
    const [first = "", ...rest] = chunk.split("\n", bounds.linesMax + 2);
    kept = `${kept}${first}`.slice(0, bounds.lineMax);
    for (const line of rest) {
      say(kept);
      kept = line.slice(0, bounds.lineMax);
    }
  });
  stream.on("end", () => {
    if (kept !== "") onLine(kept);
    if (untold > 0) onLine(`(${untold} lines more)`);
    if (timer !== null) clearTimeout(timer);
  });
  stream.on("error", () => undefined);
}
