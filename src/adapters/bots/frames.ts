/** The kinds of frames between a node and a process of a bot. */
const textKind = 0;
const bytesKind = 1;

const headBytes = 5;
const bytesHeadBytes = 8;
/** UTF-8 takes at most so many bytes for one UTF-16 unit. */
const bytesPerUnit = 3;

/** Gathers lines into frames: length, kind, text. */
interface LineWriter {
  add(line: string): void;
  /** The frame of the lines so far; null: there are none. `done` gives its memory back. */
  take(): { readonly frame: Buffer; done(): void } | null;
}

const bufferBytes = 128 * 1024;

/**
 * Each line is written once, into memory that is used again: under load frames are large, and come often.
 * @param onFull a frame is to be taken, as the next line has no room
 */
function createLineWriter(onFull: () => void): LineWriter {
  const free: Buffer[] = [];
  let buffer: Buffer | null = null;
  let at = 0;

  function begin(bytes: number): Buffer {
    const known = bytes <= bufferBytes ? free.pop() : undefined;
    buffer = known ?? Buffer.allocUnsafeSlow(Math.max(bytes, bufferBytes));
    at = headBytes;
    return buffer;
  }

  return {
    add(line) {
      const bytesMax = (line.length + 1) * bytesPerUnit;
      if (buffer !== null && at + bytesMax > buffer.length) onFull();
      const into = buffer ?? begin(headBytes + bytesMax);
      at += into.write(line, at);
      into[at] = endOfLine;
      at += 1;
    },
    take() {
      if (buffer === null) return null;
      const used = buffer;
      buffer = null;
      used.writeUInt32LE(at - headBytes, 0);
      used[4] = textKind;
      const done = (): void => {
        if (used.length === bufferBytes && free.length < freeMax) free.push(used);
      };
      return { frame: used.subarray(0, at), done };
    },
  };
}

const freeMax = 4;
const endOfLine = 0x0a;

/** The bytes that a turn has asked for, and the number of its question. */
export function bytesFrame(turn: number, ask: number, bytes: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(headBytes + bytesHeadBytes);
  head.writeUInt32LE(bytesHeadBytes + bytes.length, 0);
  head[4] = bytesKind;
  head.writeUInt32LE(turn, headBytes);
  head.writeUInt32LE(ask, headBytes + 4);
  return Buffer.concat([head, bytes]);
}

/** Says lines: those of one turn of the event loop go together. */
export interface Speaker {
  say(line: string): void;
  /** What waits goes now: nothing more is to come in this turn of the event loop. */
  send(): void;
  /** The frame of what waits, for who sends it otherwise; null: nothing waits. */
  take(): Buffer | null;
}

/** @param write calls `done` once the frame is sent */
export function createSpeaker(write: (frame: Buffer, done: () => void) => void): Speaker {
  let isFlushing = false;
  const lines = createLineWriter(send);

  function send(): void {
    const taken = lines.take();
    if (taken !== null) write(taken.frame, taken.done);
  }

  function flush(): void {
    isFlushing = false;
    send();
  }

  return {
    say(line) {
      if (!isFlushing) setImmediate(flush);
      isFlushing = true;
      lines.add(line);
    },
    send,
    take: () => lines.take()?.frame ?? null,
  };
}

export interface FrameReaderOptions {
  /** Of one frame; a longer one breaks the stream. */
  readonly bytesMax: number;
  onText(text: string): void;
  onBytes?(turn: number, ask: number, bytes: Buffer): void;
  /** What comes is no frame; nothing more is read. */
  onBroken(): void;
}

/** Reads frames from chunks, however they are cut. */
export function createFrameReader(options: FrameReaderOptions): (chunk: Buffer) => void {
  const { bytesMax, onText, onBytes, onBroken } = options;
  let chunks: Buffer[] = [];
  let held = 0;
  /** Bytes without which there is no whole frame. */
  let needed = headBytes;
  let isBroken = false;

  function breakOff(): void {
    isBroken = true;
    chunks = [];
    onBroken();
  }

  function take(kind: number, frame: Buffer): boolean {
    if (kind === textKind) onText(frame.toString("utf8"));
    else if (kind === bytesKind && onBytes !== undefined && frame.length >= bytesHeadBytes) {
      onBytes(frame.readUInt32LE(0), frame.readUInt32LE(4), frame.subarray(bytesHeadBytes));
    } else return false;
    return true;
  }

  return (chunk) => {
    if (isBroken) return;
    held += chunk.length;
    if (held < needed) return void chunks.push(Buffer.from(chunk));
    chunks.push(chunk);
    const all = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    let at = 0;
    needed = headBytes;
    while (all.length - at >= headBytes) {
      const length = all.readUInt32LE(at);
      if (length > bytesMax) return breakOff();
      needed = headBytes + length;
      if (all.length - at < needed) break;
      if (!take(all[at + 4]!, all.subarray(at + headBytes, at + needed))) return breakOff();
      at += needed;
      needed = headBytes;
    }
    const left = all.subarray(at);
    // The caller uses its memory again.
    chunks = left.length === 0 ? [] : [Buffer.from(left)];
    held = left.length;
  };
}
