import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import type { Clock } from "../../concurrency/clock.ts";
import type { HoldfastError } from "../../errors.ts";
import type { BotPlace } from "../../ports/conversation/bot-runner.ts";
import { readBotLine } from "./bot-lines.ts";
import type { BotProgram } from "./bot-program.ts";
import { errorOf, factsOf } from "./error-facts.ts";
import { bytesFrame, createFrameReader, createSpeaker } from "./frames.ts";
import { createHangWatch } from "./hang-watch.ts";
import {
  type BotFacts,
  type BotLine,
  botSays,
  type ErrorFacts,
  frameBytesMax,
  lineCharactersMax,
  pipeDescriptor,
} from "./messages.ts";
import { createOpenTurns, type LineOfTurn } from "./open-turns.ts";
import { deathsOf, type ProcessEnd } from "./process-end.ts";
import { createProcessorShare } from "./processor-share.ts";
import { readSaid } from "./said-lines.ts";

export interface BotProcessOptions {
  readonly program: BotProgram;
  /** The bot's, for errors. */
  readonly file: string;
  /** It follows one in trouble: it gets the processor behind the node until it is steady. */
  readonly givesWay: boolean;
  readonly clock: Pick<Clock, "monotonicMs" | "schedule">;
  /** One that has turns and gives no sign of life for so long is ended. */
  readonly hangMs: number;
  /** Of resident memory: beyond it the process is ended. */
  readonly bytesMax: number;
  /** What it prints. */
  onLine(line: string): void;
  /** A rejection that nothing handles, of a turn that is over or of none. */
  onFloating(error: HoldfastError): void;
  /** It gave a sign of life after a silence. */
  onHeard(): void;
  onEnded(): void;
}

/** One process of a bot, seen from the node. */
export interface BotProcess extends BotPlace {
  /** Rejects with the error of a bot that cannot be loaded. */
  readonly facts: Promise<BotFacts>;
  /** Turns whose handlers have not ended. */
  readonly open: number;
  /** Whether it answers as fast as turns come. null: it is not loaded, has ended, or gives no sign of life. */
  readonly pace: "timely" | "late" | null;
  readonly hasEnded: boolean;
  /** Its last turn has left nothing under way, as it says. */
  readonly isClean: boolean;
  /** By default nothing wants it any more: turns that it has are no suspects. */
  end(why?: ProcessEnd["killed"]): void;
}

/** A bot that is not loaded after so long is not loaded at all. */
const loadMsMax = 30_000;
/** Its last lines may come after its end. */
const lastLinesMs = 500;
const megabyte = 1024 * 1024;

export function startBotProcess(options: BotProcessOptions): BotProcess {
  const { clock, hangMs } = options;
  const child = spawnBot(options.program);
  const share = createProcessorShare(child.pid, options);
  const pipe = child.stdio[pipeDescriptor] as Duplex;
  const end: { -readonly [Name in keyof ProcessEnd]: ProcessEnd[Name] } = { ...unknownEnd };
  const loaded = Promise.withResolvers<BotFacts>();
  let isReady = false;
  let hasEnded = false;
  let isClean = true;

  const write = (bytes: Buffer, done?: () => void): void => {
    if (!hasEnded) pipe.write(bytes, done);
  };
  const speaker = createSpeaker(write);

  const turns = createOpenTurns({
    say(line, texts) {
      const json = JSON.stringify(line);
      speaker.say(texts === undefined ? json : `${json}\n${texts}`);
    },
    send: (turn, ask, bytes) => write(bytesFrame(turn, ask, bytes)),
  });

  function kill(why: NonNullable<ProcessEnd["killed"]>): void {
    end.killed ??= why;
    child.kill("SIGKILL");
  }

  const crash = (why: string): void => kill({ code: "BOT_CRASHED", why });
  const watch = createHangWatch({
    clock,
    hangMs,
    isBusy: () => turns.size > 0 && !hasEnded,
    onSilent: share.giveWay,
    onHang: () => kill({ code: "BOT_HUNG", why: `gave no sign of life for ${hangMs} ms` }),
  });

  const hear = (line: BotLine | null): void =>
    handOn(line, {
      onReady(facts) {
        isReady = true;
        loaded.resolve(facts);
      },
      onUnusable(error) {
        loaded.reject(errorOf(error));
        kill("given-up");
      },
      onMemory(bytes) {
        if (bytes > options.bytesMax) kill(tooLarge(bytes));
      },
      onFloating: (error) => options.onFloating(errorOf(error)),
      onLastWords: (words) => void (end.lastWords = words),
      onTurn(of) {
        if (of[0] === botSays.answer || of[0] === botSays.failure) isClean = of[2];
        if (!turns.hear(of)) crash(`spoke of turn ${of[1]}, which it does not have`);
      },
      onNone: () => crash("said what is no line of a bot"),
    });

  function ended(): void {
    if (hasEnded) return;
    hasEnded = true;
    isReady = false;
    share.ended();
    const errorFor = deathsOf(options.file, end, turns.has);
    loaded.reject(errorFor(0));
    turns.end(errorFor);
    options.onEnded();
  }

  listenTo(pipe, {
    onLine: hear,
    onBroken: () => crash("sent what is no frame"),
    around(read) {
      const [wasSilent, couldAnswer] = [watch.isSilent, isReady];
      watch.heard();
      read();
      if (wasSilent || couldAnswer !== isReady) options.onHeard();
    },
  });
  readSaid(child.stdout!, options.onLine);
  readSaid(child.stderr!, (line) => {
    end.isOutOfHeap ||= /heap out of memory|Array buffer allocation failed/i.test(line);
    options.onLine(line);
  });
  whenEnded(child, clock, (how) => {
    Object.assign(end, how);
    ended();
  });
  const cancelLoading = clock.schedule(loadMsMax, () =>
    kill({ code: "BOT_HUNG", why: `was not loaded after ${loadMsMax} ms` }),
  );
  loaded.promise.then(cancelLoading, cancelLoading);

  return {
    facts: loaded.promise,
    get open() {
      return turns.size;
    },
    get pace() {
      if (!isReady || watch.isSilent) return null;
      return watch.isLate ? "late" : "timely";
    },
    get hasEnded() {
      return hasEnded;
    },
    get isClean() {
      return isClean;
    },
    run(material, textsOf) {
      if (turns.size === 0) watch.heard();
      const run = turns.begin(material, textsOf);
      watch.begin();
      if (hasEnded) turns.end(deathsOf(options.file, { ...end, killed: "given-up" }, turns.has));
      return run;
    },
    end: (why) => kill(why ?? "given-up"),
  };
}

const spawnBot = ({ command, args, cwd, env }: BotProgram): ChildProcess =>
  spawn(command, [...args], { cwd, env, stdio: ["ignore", "pipe", "pipe", "pipe"] });

const unknownEnd: ProcessEnd = {
  killed: null,
  lastWords: null,
  isOutOfHeap: false,
  code: null,
  signal: null,
};

const tooLarge = (bytes: number) =>
  ({
    code: "BOT_OUT_OF_MEMORY",
    why: `took ${Math.round(bytes / megabyte)} MB of memory`,
  }) as const;

interface Hearing {
  onReady(facts: BotFacts): void;
  onUnusable(error: ErrorFacts): void;
  onMemory(bytes: number): void;
  onFloating(error: ErrorFacts): void;
  onLastWords(words: NonNullable<ProcessEnd["lastWords"]>): void;
  onTurn(line: LineOfTurn): void;
  /** It is no line. */
  onNone(): void;
}

function handOn(line: BotLine | null, on: Hearing): void {
  if (line === null) return on.onNone();
  switch (line[0]) {
    case botSays.ready:
      return on.onReady(line[1]);
    case botSays.unusable:
      return on.onUnusable(line[1]);
    case botSays.beat:
      return on.onMemory(line[1]);
    case botSays.floating:
      return on.onFloating(line[1]);
    case botSays.lastWords:
      return on.onLastWords({ turn: line[1], how: line[2], error: line[3] });
    case botSays.answer:
    case botSays.failure:
    case botSays.step:
    case botSays.called:
    case botSays.callFailed:
    case botSays.download:
    case botSays.log:
      return on.onTurn(line);
  }
}

/** Hands on the lines of a process; null: one that is none. */
function listenTo(
  pipe: Duplex,
  on: {
    onLine(line: BotLine | null): void;
    onBroken(): void;
    /** Each piece that comes is read within. */
    around(read: () => void): void;
  },
): void {
  const read = createFrameReader({
    bytesMax: frameBytesMax,
    onBroken: on.onBroken,
    onText(text) {
      for (const line of text.split("\n"))
        if (line !== "") on.onLine(line.length > lineCharactersMax ? null : readBotLine(line));
    },
  });
  pipe.on("data", (chunk: Buffer) => on.around(() => read(chunk)));
  pipe.on("error", () => undefined);
}

/** Calls back when the process has ended and its last words are read, or when it could not be started. */
function whenEnded(
  child: ChildProcess,
  clock: BotProcessOptions["clock"],
  onEnd: (how: Partial<ProcessEnd>) => void,
): void {
  child.on("error", (error) =>
    onEnd({ lastWords: { turn: 0, how: "crash", error: factsOf(error, "") } }),
  );
  child.once("exit", (code, signal) => {
    const over = (): void => {
      cancel();
      onEnd({ code, signal });
    };
    const cancel = clock.schedule(lastLinesMs, over);
    child.once("close", over);
  });
}
