import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { factsOf } from "../adapters/bots/error-facts.ts";
import { createFrameReader, createSpeaker } from "../adapters/bots/frames.ts";
import {
  beatMs,
  type BotLine,
  botSays,
  type NodeLine,
  nodeSays,
  pipeDescriptor,
} from "../adapters/bots/messages.ts";
import { HoldfastError } from "../errors.ts";
import type { Bot } from "../ports/conversation/bot.ts";
import { createRunningTurns, turnTexts } from "./turns.ts";

/** A process without turns gives a sign of life this often, in milliseconds, for its memory's sake. */
const idleBeatMs = 1_000;

const readBytes = 256 * 1024;

/** The node's end of this process. */
export interface NodePipe {
  say(line: BotLine | string): void;
  /** What waits goes now. */
  send(): void;
  /** The same. For the end of this process, which waits for nothing. */
  sayLast(...lines: readonly BotLine[]): void;
  listen(
    onText: (text: string) => void,
    onBytes: (turn: number, ask: number, bytes: Buffer) => void,
  ): void;
}

export function openNodePipe(): NodePipe {
  const reader: { read: (chunk: Buffer) => void } = { read: () => undefined };
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  const socket = new Socket({
    fd: pipeDescriptor,
    readable: true,
    writable: true,
    // One memory for all that comes: a frame is read before the next.
    onread: {
      buffer,
      callback(length) {
        reader.read(buffer.subarray(0, length));
        return true;
      },
    },
  });
  const speaker = createSpeaker((frame, done) => {
    socket.write(frame, done);
  });

  return {
    say(line) {
      speaker.say(typeof line === "string" ? line : JSON.stringify(line));
    },
    send: speaker.send,
    sayLast(...last) {
      // Behind half a frame nothing would be understood.
      if (socket.writableLength > 0) return;
      for (const line of last) speaker.say(JSON.stringify(line));
      const frame = speaker.take();
      try {
        if (frame !== null) writeSync(pipeDescriptor, frame);
      } catch {
        // The pipe is full, or the node is gone.
      }
    },
    listen(onText, onBytes) {
      reader.read = createFrameReader({
        bytesMax: Number.POSITIVE_INFINITY,
        onText,
        onBytes,
        onBroken: () => process.exit(1),
      });
      socket.resume();
      // A node that is gone needs no bot.
      socket.on("end", () => process.exit(0));
      socket.on("error", () => process.exit(0));
    },
  };
}

/** Serves the turns of the node until this process ends. @param folder of the bot's sources */
export function serveTurns(bot: Bot, folder: string, node: NodePipe): void {
  const atRest = countResources();
  let beat: NodeJS.Timeout | null = null;
  let isIdle = true;

  const turns = createRunningTurns(bot, folder, {
    say: node.say,
    onAnswers: () => void setImmediate(sendAnswers),
    isQuiet: () => countResources() <= atRest,
  });

  function giveAnswers(): void {
    for (const line of turns.takeAnswers()) node.say(line);
  }

  /** They have waited for the end of their moment, and need not wait for another. */
  function sendAnswers(): void {
    giveAnswers();
    node.send();
  }

  function giveSign(): void {
    node.say([botSays.beat, process.memoryUsage.rss()]);
    isIdle = turns.size === 0;
    beat = setTimeout(giveSign, isIdle ? idleBeatMs : beatMs).unref();
  }

  function hearText(text: string): void {
    const lines = text.split("\n");
    for (let at = 0; at < lines.length; at += 1) {
      const json = lines[at]!;
      if (json === "") continue;
      const line = JSON.parse(json) as NodeLine;
      const behind = line[0] === nodeSays.turn ? lines.slice(at + 1, at + 1 + turnTexts) : [];
      at += behind.length;
      turns.hear(line, behind);
    }
    if (!isIdle || turns.size === 0) return;
    if (beat !== null) clearTimeout(beat);
    isIdle = false;
    beat = setTimeout(giveSign, beatMs).unref();
  }

  process.on("unhandledRejection", (error) => {
    if (!turns.failCurrent(floating(error)))
      node.say([botSays.floating, factsOf(floating(error), folder)]);
  });
  let hasSaid = false;
  process.on("uncaughtException", (error) => {
    hasSaid = true;
    giveAnswers();
    node.sayLast([botSays.lastWords, turns.current(), "crash", factsOf(error, folder)]);
    process.exit(crashed);
  });
  process.on("exit", (code) => {
    if (hasSaid) return;
    giveAnswers();
    const error = factsOf(new Error(`process.exit(${code})`), folder);
    node.sayLast([botSays.lastWords, turns.current(), "exit", error]);
  });
  node.listen(hearText, turns.hearBytes);
  giveSign();
}

/** The code of a process whose failure nothing has caught. */
const crashed = 70;

/** A rejection that nothing handles, with its own place and policy. */
function floating(met: unknown): HoldfastError {
  const { message, next, policy, waitSeconds } = factsOf(met, "");
  const error = new HoldfastError({
    code: "BOT_FLOATING",
    message: `A promise was rejected that nothing awaits: ${message}`,
    next: next ?? "Await every promise that the handler begins.",
    policy,
    waitSeconds,
  });
  if (met instanceof Error && met.stack !== undefined) error.stack = met.stack;
  return error;
}

/** What keeps an event loop going: timers, sockets, files. */
const countResources = (): number =>
  process.getActiveResourcesInfo().filter((name) => name !== "Immediate").length;
